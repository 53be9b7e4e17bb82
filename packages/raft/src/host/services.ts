// SPDX-License-Identifier: Apache-2.0
/** What a group asks of the loop it lives in. Types only. */

import type { Clock, Prng } from "@conclave/base";
import type { CoreConfig } from "../core/config.ts";
import type { RaftMessage } from "../core/message.ts";
import type { HostFailure } from "../group.ts";
import type { GroupId, ReplicaId } from "../ids.ts";
import type { LogRecord } from "../store/log-record.ts";
import type { DiskRoom } from "./disk-room.ts";
import type { HostLimits } from "./limits.ts";

/** The part of the loop's group that the loop calls back. */
export interface LoopMember {
  turn(): void;
  saveSnapshot(): Promise<void>;
}

export interface GroupServices {
  readonly clock: Clock;
  readonly limits: HostLimits;
  /** Who votes in a new group. */
  readonly bootstrap: readonly ReplicaId[];
  core(group: GroupId): { readonly config: CoreConfig; readonly prng: Prng };
  /** Proposals and reads are taken. */
  isOpen(): boolean;
  /** The store has not failed and is not closed. */
  isRunning(): boolean;
  /** A write is under way, so that proposals had better gather for the next one. */
  isWriting(): boolean;
  /** Has the group's `turn` called soon, together with those of others. */
  wake(member: LoopMember): void;
  /** Puts a message into the frame that goes to that replica at the end of the turn. */
  send(to: ReplicaId, group: GroupId, message: RaftMessage): void;
  /** Writes the records with those of all groups, and calls `whenDurable` after the sync. */
  persist(records: readonly LogRecord[], whenDurable: () => void): void;
  /** Saves a snapshot when it is this group's turn. */
  snapshot(member: LoopMember): void;
  /** Of the disk, for proposals. */
  room(): DiskRoom;
  fail(failure: HostFailure): void;
}
