// SPDX-License-Identifier: Apache-2.0
/** What a backup holds, for people, and for programs: see json.ts for what holds of the latter. */

import type { SoundBackup } from "@conclave/daemon";
import type { Colors } from "./colors.ts";
import type { Json } from "./json.ts";
import { table } from "./tables.ts";

/** Everything in one line. */
export function backupLine({ clusterId, savedMs, digest, partitions }: SoundBackup): string {
  const elections = partitions.reduce((sum, partition) => sum + partition.elections, 0);
  const candidates = partitions.reduce((sum, partition) => sum + partition.candidates, 0);
  const counts = `${elections} elections, ${candidates} candidates, ${partitions.length} partitions`;
  const taken = `taken ${new Date(savedMs).toISOString()} of cluster ${clusterId.slice(0, 16)}`;
  return `${counts}, ${taken}, checksum ${digest}`;
}

/** A row for each partition. */
export function backupTable({ partitions }: SoundBackup, colors: Colors): string {
  const rows = partitions.map((partition) => [
    String(partition.partition),
    String(partition.revision),
    String(partition.elections),
    String(partition.led),
    String(partition.candidates),
    String(partition.sessions),
  ]);
  const head = ["PARTITION", "REVISION", "ELECTIONS", "LED", "CANDIDATES", "SESSIONS"];
  return table(head, rows, colors);
}

export function backupToJson(backup: SoundBackup): { readonly [field: string]: Json } {
  const { clusterId, savedMs, digest, partitions } = backup;
  return {
    clusterId,
    saved: new Date(savedMs).toISOString(),
    checksum: digest,
    partitions: partitions.map((partition) => ({ ...partition })),
  };
}
