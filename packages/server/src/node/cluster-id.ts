// SPDX-License-Identifier: Apache-2.0
/** How a cluster gets its name: from what its members are told at their first start. */

import { createHash } from "node:crypto";

export interface ClusterParts {
  /** `ID` for a cluster of one node, whose address may change; else `ID=ADDRESS` for each. */
  readonly members: readonly string[];
  readonly partitionCount: number;
  /** Tells apart two clusters whose members are listed alike. Empty: none. */
  readonly token: string;
}

/** The 32 bytes that stand in every file and that clients pin: equal parts, in any order, equal id. */
export function clusterIdOf(parts: ClusterParts): Uint8Array {
  // JSON, so that no two lists run into the same text.
  const text = JSON.stringify([[...parts.members].sort(), parts.partitionCount, parts.token]);
  return new Uint8Array(createHash("sha256").update(text).digest());
}
