// SPDX-License-Identifier: Apache-2.0
/** How a cluster gets its name: from what its members are told at their first start. */

import { sha256 } from "@noble/hashes/sha2.js";

export interface ListedMember {
  readonly node: number;
  /** HOST:PORT. */
  readonly address: string;
}

export interface ClusterParts {
  /** The members of the first start. Of a cluster of one whose address may change: its number. */
  readonly members: readonly ListedMember[] | number;
  readonly partitionCount: number;
  /** Tells apart two clusters whose members are listed alike. Empty: none. */
  readonly token: string;
  /** The SHA-256, in hex, of the backup that the cluster begins with, if it does. */
  readonly restoredFrom?: string;
}

/** The 32 bytes that stand in every file and that clients pin: equal parts, in any order, equal id. */
export function clusterIdOf(parts: ClusterParts): Uint8Array {
  const { members, partitionCount, token, restoredFrom } = parts;
  const names =
    typeof members === "number"
      ? [String(members)]
      : members.map(({ node, address }) => `${node}=${address}`).sort();
  const told = [names, partitionCount, token];
  // JSON, so that no two lists run into the same text.
  const text = JSON.stringify(restoredFrom === undefined ? told : [...told, restoredFrom]);
  return sha256(new TextEncoder().encode(text));
}
