// SPDX-License-Identifier: Apache-2.0
/**
 * Spreads the leaders of the groups over the nodes: each group has a voter that it prefers, and its
 * leader hands over to that one once it has been well for a while.
 *
 * It decides nothing that matters for safety. It holds back a lot, since a hand-over costs every
 * client of the partition a moment.
 */

import { nodeOf } from "@conclave/raft";
import type { LogStatus } from "./membership-log.ts";
import { hasCaughtUp } from "./membership-step.ts";

/** How long the preferred voter must have been well, and this leader have led. */
const WELL_FOR_MS = 5_000;
/** Between two tries of one leader; doubles with each, for one that keeps failing does so for a reason. */
const RETRY_MS = 10_000;
const RETRY_MS_MAX = 300_000;
/** How far behind a well voter may be, in entries. */
const WELL_LAG = 100;

/** What the leader of a group remembers while it leads. */
export interface Leading {
  readonly sinceMs: number;
  /** Since when the preferred voter has been well, without a break. */
  wellSinceMs: number | undefined;
  preferred: number;
  tries: number;
  nextTryMs: number;
}

export function beginLeading(nowMs: number): Leading {
  return { sinceMs: nowMs, wellSinceMs: undefined, preferred: 0, tries: 0, nextTryMs: nowMs };
}

/** The voter that should lead the group: in turn, so that every voter leads its share. */
export function preferredReplica(group: number, voters: readonly number[]): number {
  const sorted = voters.toSorted((a, b) => a - b);
  return sorted[(group - 1) % sorted.length] ?? 0;
}

/** The node to hand over to now, or undefined. To be called a few times a second by the leader. */
export function balance(
  leading: Leading,
  group: number,
  self: number,
  status: LogStatus,
  nowMs: number,
): number | undefined {
  const preferred = preferredReplica(group, status.configuration.voters);
  if (preferred !== leading.preferred) {
    leading.preferred = preferred;
    leading.wellSinceMs = undefined;
    leading.tries = 0;
  }
  const peer = status.peers.find(({ replica }) => replica === preferred);
  const isWell = preferred !== self && peer !== undefined && hasCaughtUp(status, peer, WELL_LAG);
  leading.wellSinceMs = isWell ? (leading.wellSinceMs ?? nowMs) : undefined;
  const isTime =
    leading.wellSinceMs !== undefined &&
    nowMs - leading.wellSinceMs >= WELL_FOR_MS &&
    nowMs - leading.sinceMs >= WELL_FOR_MS &&
    nowMs >= leading.nextTryMs;
  if (!isTime) return undefined;
  leading.nextTryMs = nowMs + Math.min(RETRY_MS_MAX, RETRY_MS * 2 ** leading.tries);
  leading.tries += 1;
  return nodeOf(preferred);
}
