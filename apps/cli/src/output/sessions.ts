// SPDX-License-Identifier: Apache-2.0
/** Sessions for people, and for programs: see json.ts for what holds of the latter. */

import type { SessionInfo } from "@conclave/client/cluster";
import { formatDuration } from "../duration.ts";
import type { Colors } from "./colors.ts";
import type { Json } from "./json.ts";
import { table } from "./tables.ts";

/** A session, and one of the partitions where it is registered. */
export interface PartitionSession {
  readonly partition: number;
  readonly session: SessionInfo;
}

export function sessionTable(sessions: readonly PartitionSession[], colors: Colors): string {
  const rows = sessions.map(({ partition, session }) => [
    String(partition),
    session.instance,
    formatDuration(session.ttlMs),
    session.graceMs === 0 ? "-" : formatDuration(session.graceMs),
    `${(session.remainingMs / 1000).toFixed(1)}s`,
    Object.entries(session.labels)
      .map(([key, value]) => `${key}=${value}`)
      .join(" "),
  ]);
  const head = ["PARTITION", "INSTANCE", "TTL", "GRACE", "REMAINING", "LABELS"];
  return table(head, rows, colors);
}

export function sessionsToJson(sessions: readonly PartitionSession[]): Json {
  return sessions.map(({ partition, session }) => ({
    partition,
    instance: session.instance,
    ttlMs: session.ttlMs,
    graceMs: session.graceMs,
    remainingMs: session.remainingMs,
    labels: { ...session.labels },
  }));
}
