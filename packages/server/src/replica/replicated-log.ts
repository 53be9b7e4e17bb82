// SPDX-License-Identifier: Apache-2.0
/**
 * The replicated log as a partition sees it: the seam at which another engine can be plugged in.
 *
 * Types only. It knows opaque bytes, indices and raftTerms; nothing of elections, members or disks.
 * The Raft host is its first implementation (`raft-log.ts`), `memory-log.ts` its in-memory twin.
 */

/** An entry that a quorum has made durable. An engine's own entries are not delivered: indices may skip. */
export interface CommittedEntry {
  readonly index: number;
  readonly raftTerm: number;
  readonly bytes: Uint8Array;
}

/** The whole state up to and including `index`, as `LogListener.snapshot` once gave it. */
export interface LogSnapshot {
  readonly index: number;
  readonly raftTerm: number;
  readonly bytes: Uint8Array;
}

export type LogRole =
  /** Said only once an entry of the leader's own raftTerm has been committed and applied. */
  | { readonly kind: "leader"; readonly raftTerm: number }
  | { readonly kind: "follower"; readonly raftTerm: number; readonly leader: number | undefined };

/** What a log tells its user. Calls come one at a time and are handled to the end before the next. */
export interface LogListener {
  /** In log order, each entry once per process start, all after `restored`. */
  committed(entries: readonly CommittedEntry[]): void;
  /** The state to begin from: before any entry at start, and when a snapshot is installed. */
  restored(snapshot: LogSnapshot): void;
  roleChanged(role: LogRole): void;
  /**
   * The state as of the last entry given to `committed`, in chunks. Nothing more is given to this log's
   * user before they have been walked to the end, which may take many turns of the loop.
   */
  snapshot(): Iterable<Uint8Array>;
  /** The last call: the log can go on no more. */
  failed(failure: { readonly kind: "disk-failed" | "damaged"; readonly detail: string }): void;
}

export type ProposeOutcome =
  /** `committed` has been called with it. */
  | { readonly kind: "applied"; readonly index: number }
  /** It is in no log and never will be. */
  | { readonly kind: "not-applied"; readonly reason: ProposalRefusal }
  | { readonly kind: "unknown" };

export type ProposalRefusal =
  | "not-leader"
  | "raft-term-changed"
  | "overloaded"
  | "no-space"
  | "too-large"
  | "stopped";

export type ConfirmOutcome =
  /** A read that waits until `index` is applied sees all that was committed before the round began. */
  | { readonly kind: "confirmed"; readonly index: number; readonly raftTerm: number }
  | { readonly kind: "not-confirmed"; readonly reason: "not-leader" | "overloaded" | "stopped" };

export interface ProposalOptions {
  /** Propose in this raftTerm or not at all. */
  readonly raftTerm?: number;
  /** May use the room that is kept back for a full disk: expiries, ends of sessions, operators. */
  readonly mayUseReserve?: boolean;
}

export interface ReplicatedLog {
  /** Hands over `bytes`; the caller does not change them any more. */
  propose(bytes: Uint8Array, options?: ProposalOptions): Promise<ProposeOutcome>;
  /** A quorum round begun after this call: for renewals, expiries and linearizable reads. */
  confirm(): Promise<ConfirmOutcome>;
  readonly role: LogRole;
  /** The last index of which everything has been given to `committed`; moves over an engine's own entries too. */
  readonly appliedIndex: number;
}

/** Opens the log of one partition, numbered from 1. All are opened before the engine starts. */
export type OpenLog = (partition: number, listener: LogListener) => ReplicatedLog;
