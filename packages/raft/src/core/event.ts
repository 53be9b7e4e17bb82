// SPDX-License-Identifier: Apache-2.0
/** All that can happen to a member of a group. Messages of other members join this union with them. */

import type { NotAppliedReason } from "../group.ts";

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

/** Said by the host when what a `persist` effect held is durable. */
export type PersistedEvent =
  | { readonly kind: "vote-persisted"; readonly raftTerm: number }
  | { readonly kind: "entries-persisted"; readonly raftTerm: number; readonly index: number };

export type RaftEvent =
  | PersistedEvent
  /** The timer of the last `set-election-timer` effect has fired. */
  | { readonly kind: "election-timeout" }
  | { readonly kind: "propose"; readonly proposals: readonly Proposal[] }
  /** A read, or a renewal, wants to know that this member still leads. */
  | { readonly kind: "confirm"; readonly read: number }
  /** Everything up to `index` has been given to the state machine. */
  | { readonly kind: "applied"; readonly index: number }
  /** A snapshot of the state as of `index` is durable. */
  | { readonly kind: "snapshotted"; readonly index: number };
