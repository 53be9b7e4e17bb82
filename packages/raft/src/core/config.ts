// SPDX-License-Identifier: Apache-2.0
/** The numbers by which a member of a group lives. It knows ticks, not milliseconds. */

import type { ReplicaId } from "../ids.ts";
import type { StretchLimit } from "../log/log-terms.ts";

export interface CoreConfig {
  readonly replica: ReplicaId;
  /**
   * An election timeout is drawn from this range (section 5.2), above its lower end, which is
   * how long a leader may be silent before anybody doubts it, and how long it leads on without hearing
   * a majority.
   */
  readonly electionTicks: { readonly min: number; readonly max: number };
  readonly heartbeatTicks: number;
  /** Proposals above these bounds are refused, so that a slow disk cannot fill the memory. */
  readonly uncommittedBytesMax: number;
  readonly uncommittedEntriesMax: number;
  readonly flow: FlowLimits;
}

/** How much is on its way to one follower. */
export interface FlowLimits {
  /** One AppendEntries; a single entry may be larger. */
  readonly append: StretchLimit;
  /** Sent and not yet acknowledged. */
  readonly inflightBytesMax: number;
  readonly inflightMessagesMax: number;
  readonly snapshotChunkBytes: number;
  readonly snapshotInflightBytes: number;
  /** Entries that are kept though a snapshot holds them, for followers that lag a little. */
  readonly tail: StretchLimit;
}

export const DEFAULT_FLOW_LIMITS: FlowLimits = {
  append: { bytes: 1024 * 1024, entries: 4_096 },
  inflightBytesMax: 4 * 1024 * 1024,
  inflightMessagesMax: 64,
  snapshotChunkBytes: 256 * 1024,
  snapshotInflightBytes: 1024 * 1024,
  tail: { bytes: 4 * 1024 * 1024, entries: 8_192 },
};

/** Reads that wait for their round; more are refused. */
export const WAITING_READS_MAX = 16_384;

/** After so many heartbeats without progress something was lost and is sent again. */
const STALLED_HEARTBEATS = 3;

/** Ticks without progress, with messages on their way, after which they count as lost. */
export function stalledTicksOf(config: CoreConfig): number {
  return config.heartbeatTicks * STALLED_HEARTBEATS;
}
