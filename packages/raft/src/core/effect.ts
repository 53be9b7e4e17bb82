// SPDX-License-Identifier: Apache-2.0
/**
 * What the host is to do, in the order of the list. What must wait until something is durable stands
 * inside the effect that makes it so. Types only.
 */

import type { ReplicaId } from "../ids.ts";
import type { Configuration } from "../log/configuration.ts";
import type { HardState, LogEntry } from "../log/entry.ts";
import type { ChangeRefusal, PersistedEvent, ProposalRefusal } from "./event.ts";
import type { OutgoingMessage } from "./message.ts";

export interface Envelope {
  readonly to: ReplicaId;
  readonly message: OutgoingMessage;
}

/** `leader` is told only once an entry of the leader's own raftTerm has been applied. */
export type MemberRole =
  | { readonly kind: "leader"; readonly raftTerm: number }
  | {
      readonly kind: "follower";
      readonly raftTerm: number;
      readonly leader: ReplicaId | undefined;
    };

export type Effect =
  /** Make all of this durable, in the order of these effects; only then step `thenStep` and send `thenSend`. */
  | {
      readonly kind: "persist";
      readonly hardState: HardState | undefined;
      readonly entries: readonly LogEntry[];
      readonly thenStep: readonly PersistedEvent[];
      readonly thenSend: readonly Envelope[];
    }
  /** Send it now. Entries may go out while they are still being made durable here (thesis 10.2.1). */
  | ({ readonly kind: "send" } & Envelope)
  /** Give the state machine all entries up to `to`, then step `applied`. */
  | { readonly kind: "apply"; readonly to: number }
  | { readonly kind: "role"; readonly role: MemberRole }
  /** The proposal stands in this member's log at `index`; whether it stays there is open. */
  | { readonly kind: "proposed"; readonly proposal: number; readonly index: number }
  | { readonly kind: "refused"; readonly proposal: number; readonly reason: ProposalRefusal }
  | {
      readonly kind: "confirmed";
      readonly read: number;
      readonly index: number;
      readonly raftTerm: number;
    }
  | {
      readonly kind: "not-confirmed";
      readonly read: number;
      readonly reason: "not-leader" | "overloaded";
    }
  /** The configuration in use is another one, or has committed. `index` is its entry's. */
  | {
      readonly kind: "configuration";
      readonly index: number;
      readonly configuration: Configuration;
      readonly isCommitted: boolean;
    }
  | { readonly kind: "change-begun"; readonly change: number; readonly index: number }
  | { readonly kind: "change-refused"; readonly change: number; readonly reason: ChangeRefusal }
  /** Entries from `from` on are replaced: what was proposed at them never commits under its index. */
  | { readonly kind: "truncated"; readonly from: number }
  /** The log may forget the entries up to `to`, which a snapshot holds. */
  | { readonly kind: "compact"; readonly to: number }
  /**
   * Keep the bytes of a snapshot that a leader sends; an offset of 0 begins anew. When `offset` and
   * the length of `bytes` reach `totalBytes` it is whole: make it durable, restore the state machine
   * from it, begin the log behind it, and step `snapshot-installed`.
   */
  | {
      readonly kind: "write-snapshot-chunk";
      readonly from: ReplicaId;
      readonly snapshotIndex: number;
      readonly snapshotRaftTerm: number;
      readonly configuration: Configuration;
      readonly totalBytes: number;
      readonly offset: number;
      readonly bytes: Uint8Array;
    };
