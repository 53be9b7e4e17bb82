// SPDX-License-Identifier: Apache-2.0
/** Where a client of S0 or S1 sends a name: FNV-1a, 32 bits, of its bytes, modulo the partitions. */

/** @param partitions their ids, sorted */
export function homeAmong(partitions: readonly number[], name: string): number {
  let hash = 2166136261;
  for (const byte of new TextEncoder().encode(name)) {
    hash = Math.imul(hash ^ byte, 16777619) >>> 0;
  }
  return partitions[hash % partitions.length]!;
}
