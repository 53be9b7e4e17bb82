// SPDX-License-Identifier: Apache-2.0
/** All that can happen to a member of a group. Types only. */

import type { NotAppliedReason } from "../group.ts";
import type { ReplicaId } from "../ids.ts";
import type { RaftMessage } from "./message.ts";

export interface Proposal {
  /** The host's number for it, by which the effects name it. */
  readonly proposal: number;
  readonly bytes: Uint8Array;
  /** Propose in this raftTerm or not at all. */
  readonly raftTerm?: number | undefined;
}

export type ProposalRefusal = Extract<
  NotAppliedReason,
  "not-leader" | "raft-term-changed" | "overloaded"
>;

/**
 * - `not-leader`: this member does not lead, or is handing its leadership over.
 * - `change-under-way`: the last change has not committed yet.
 * - `raft-term-too-young`: no entry of the leader's own raftTerm has committed yet.
 * - `would-lose-quorum`: a majority of the wished voters, or of the present ones, is not heard from.
 * - `unchanged`: the configuration is the wished one already.
 */
export type ChangeRefusal =
  | "not-leader"
  | "change-under-way"
  | "raft-term-too-young"
  | "would-lose-quorum"
  | "unchanged";

/** Said by the host when what an effect held is durable. The host hands them back as they were. */
export type PersistedEvent =
  | { readonly kind: "vote-persisted"; readonly raftTerm: number }
  | {
      readonly kind: "entries-persisted";
      readonly index: number;
      /** How often the log had been cut when they were given out: what was cut since is not meant. */
      readonly truncations: number;
    };

export type RaftEvent =
  | PersistedEvent
  /** A beat of the host's clock has passed; a late one is told once. */
  | { readonly kind: "tick" }
  | { readonly kind: "received"; readonly from: ReplicaId; readonly message: RaftMessage }
  | { readonly kind: "propose"; readonly proposals: readonly Proposal[] }
  /** Reads, or renewals, want to know that this member still leads: one round for all of them. */
  | { readonly kind: "confirm"; readonly reads: readonly number[] }
  /** The wished end state; `change` is the host's number for it. */
  | {
      readonly kind: "change-configuration";
      readonly change: number;
      readonly voters: readonly ReplicaId[];
      readonly learners: readonly ReplicaId[];
    }
  | { readonly kind: "transfer"; readonly to: ReplicaId }
  /** Messages to it were lost or dropped. */
  | { readonly kind: "unreachable"; readonly replica: ReplicaId }
  /** Everything up to `index` has been given to the state machine. */
  | { readonly kind: "applied"; readonly index: number }
  /** A snapshot of the state as of `index` is durable. */
  | {
      readonly kind: "snapshotted";
      readonly index: number;
      /** The size of its file. */
      readonly bytes: number;
      /**
       * Entries before it may be kept for slow followers. Default true; false where the disk space
       * that they take has to go.
       */
      readonly mayKeepTail?: boolean;
    }
  /** The host could not read what it was to send: it was compacted meanwhile. */
  | { readonly kind: "entries-unavailable"; readonly to: ReplicaId }
  /** The snapshot whose chunks were written is durable and the state machine restored from it. */
  | { readonly kind: "snapshot-installed"; readonly snapshotIndex: number }
  /** The chunks that were written are no snapshot, or could not be kept: they are asked for anew. */
  | { readonly kind: "snapshot-refused" };
