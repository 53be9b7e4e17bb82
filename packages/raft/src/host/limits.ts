// SPDX-License-Identifier: Apache-2.0
/** The bounds by which a host lives. They are data; whoever keeps one asserts it. */

import { DEFAULT_FLOW_LIMITS, type FlowLimits } from "../core/config.ts";

export interface HostLimits {
  /** Size of one preallocated log file. Default 16 MiB. */
  readonly segmentBytes: number;
  /** The largest entry that is taken. Default 2 MiB. */
  readonly entryBytesMax: number;
  /** Bytes and entries of one group that may wait for their commit. Default 8 MiB, 16,384. */
  readonly uncommittedBytesMax: number;
  readonly uncommittedEntriesMax: number;
  /** A group is asked for a snapshot when its log has grown by this much. Default 16 MiB, 65,536. */
  readonly snapshotEveryBytes: number;
  readonly snapshotEveryEntries: number;
  /** Entries of one group that stay in memory for followers once they are applied. Default 2 MiB. */
  readonly cacheBytesMax: number;
  /** Entries found at the start that are kept in memory until applied. Default 64 MiB. */
  readonly recoveryCacheBytesMax: number;
  /** How much is on its way to one follower, and what is kept for those that lag a little. */
  readonly flow: FlowLimits;
}

export const DEFAULT_LIMITS: HostLimits = {
  segmentBytes: 16 * 1024 * 1024,
  entryBytesMax: 2 * 1024 * 1024,
  uncommittedBytesMax: 8 * 1024 * 1024,
  uncommittedEntriesMax: 16_384,
  snapshotEveryBytes: 16 * 1024 * 1024,
  snapshotEveryEntries: 65_536,
  cacheBytesMax: 2 * 1024 * 1024,
  recoveryCacheBytesMax: 64 * 1024 * 1024,
  flow: DEFAULT_FLOW_LIMITS,
};
