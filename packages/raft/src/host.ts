// SPDX-License-Identifier: Apache-2.0
/**
 * Many Raft groups on one store and one loop: what a node opens, starts and stops.
 */

import type { Clock, Prng } from "@conclave/base";
import type { Group, GroupListener } from "./group.ts";
import type { GroupId, NodeId } from "./ids.ts";
import type { Disk } from "./store/disk.ts";

/** Called from the loop; must not throw. For metrics. */
export interface HostObserver {
  /** One write and one datasync for all groups' records of a turn. */
  synced(sync: {
    readonly records: number;
    readonly bytes: number;
    readonly durationMs: number;
  }): void;
}

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
}

export interface HostOptions {
  readonly node: NodeId;
  /** 32 bytes; stands in every file, and a directory that holds another one is refused. */
  readonly clusterId: Uint8Array;
  readonly disk: Disk;
  readonly clock: Clock;
  readonly prng: Prng;
  readonly limits?: Partial<HostLimits>;
  readonly observer?: HostObserver;
}

/**
 * - `locked`: another process has the directory.
 * - `foreign`: it belongs to another cluster, or holds groups that were not opened.
 * - `newer`: its format is of a later version.
 * - `not-writable`, `no-space`, `io`: the disk's answer.
 * - `damaged`: what was acknowledged does not verify; the detail says which bytes.
 */
export type StartRefusal =
  | "locked"
  | "foreign"
  | "newer"
  | "not-writable"
  | "no-space"
  | "io"
  | "damaged";

export type StartOutcome =
  | { readonly kind: "started" }
  | { readonly kind: "refused"; readonly reason: StartRefusal; readonly detail: string };

export interface Host {
  /** All groups are opened before `start`. */
  openGroup(id: GroupId, listener: GroupListener): Group;
  /** Reads the disk, calls `restored` of every group that has a snapshot, and begins elections. */
  start(): Promise<StartOutcome>;
  /** Takes no more, finishes what is under way, and gives the directory back. */
  stop(): Promise<void>;
}
