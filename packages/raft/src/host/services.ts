// SPDX-License-Identifier: Apache-2.0
/** What a group asks of the loop it lives in. Types only. */

import type { Clock, Prng } from "@conclave/base";
import type { CoreConfig } from "../core/state.ts";
import type { HostFailure } from "../group.ts";
import type { GroupId } from "../ids.ts";
import type { LogRecord } from "../store/log-record.ts";

/** The part of the loop's group that the loop calls back. */
export interface LoopMember {
  turn(): void;
  saveSnapshot(): Promise<void>;
}

export interface GroupServices {
  readonly clock: Clock;
  readonly limits: {
    readonly entryBytesMax: number;
    readonly snapshotEveryBytes: number;
    readonly snapshotEveryEntries: number;
  };
  core(group: GroupId): { readonly config: CoreConfig; readonly prng: Prng };
  /** Proposals and reads are taken. */
  isOpen(): boolean;
  /** The store has not failed and is not closed. */
  isRunning(): boolean;
  /** Has the group's `turn` called soon, together with those of others. */
  wake(member: LoopMember): void;
  /** Writes the records with those of all groups, and calls `whenDurable` after the sync. */
  persist(records: readonly LogRecord[], whenDurable: () => void): void;
  /** Saves a snapshot when it is this group's turn. */
  snapshot(member: LoopMember): void;
  /** Why a proposal of that many bytes finds no room on the disk. */
  refusalForSpace(bytes: number, mayUseReserve: boolean): "no-space" | "overloaded" | undefined;
  /** Counts a proposal against the room; `release` takes back one that was refused after all. */
  admit(bytes: number): void;
  release(bytes: number): void;
  fail(failure: HostFailure): void;
}
