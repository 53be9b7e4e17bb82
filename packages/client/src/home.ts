// SPDX-License-Identifier: Apache-2.0
/** Where an election lives: partition 1 + (FNV-1a 32 of the name's UTF-8 bytes, modulo N). */

import { assert } from "@conclave/base";

/** The number of the partition, from 1, that decides about an election of this name. */
export function homeOf(name: string, partitionCount: number): number {
  assert(partitionCount >= 1, "a cluster has a partition");
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(name)) {
    hash = Math.imul(hash ^ byte, 0x01000193);
  }
  return 1 + ((hash >>> 0) % partitionCount);
}
