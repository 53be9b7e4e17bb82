// SPDX-License-Identifier: Apache-2.0
/**
 * What everybody may see of an election: its state as of a revision, and the changes between two.
 * Values only; how a view is kept up to date is in apply-change.ts.
 */

/** One candidate. The first in an election's list leads. */
export interface Candidate {
  readonly id: string;
  /** 16 hex digits that tell two processes of one name apart; derived from the session, not secret. */
  readonly instance: string;
  readonly metadata: Readonly<Record<string, string>>;
}

export interface View {
  readonly election: string;
  /** The revision of the last change of this election: what `revision` of an operator's verb compares with. */
  readonly revision: bigint;
  /** The fencing number: rises by one with each taking of office, never falls, is never reused. */
  readonly term: bigint;
  /** `null` while the office is vacant. */
  readonly leader: Candidate | null;
  /** Those who wait, next first, without the leader. */
  readonly queue: readonly Candidate[];
  /** When the leader took office, Unix milliseconds by the server's clock: for showing only. */
  readonly sinceMs: number | null;
}

/** Why an election changed (semantics A1). */
export type Cause =
  | "entered"
  | "withdrawn"
  | "resigned"
  | "expired"
  | "disconnected"
  | "anointed"
  | "promoted"
  | "demoted"
  | "evicted"
  | "deleted"
  | "metadata"
  | "restored"
  /** A cause that this version of the SDK does not know. */
  | "unknown";

/** What happened in one election, with the state that it led to. */
export interface ViewChange {
  /**
   * `elected`: a candidate took office, the term rose. `vacant`: the office became empty. `queue`:
   * only the order or the number of those who wait changed. `metadata`: only metadata changed.
   */
  readonly type: "elected" | "vacant" | "queue" | "metadata";
  readonly view: View;
  readonly cause: Cause;
  /** What the operator gave as a reason; empty otherwise. */
  readonly reason: string;
  /** Unix milliseconds by the server's clock: for showing only. */
  readonly timeMs: number | null;
}

export type Change =
  | { readonly type: "snapshot"; readonly view: View }
  | ViewChange
  /** Nothing was missed up to this revision. */
  | { readonly type: "progress"; readonly revision: bigint }
  /** What lies between these revisions is gone from history; fresh snapshots follow. */
  | { readonly type: "gap"; readonly lost: readonly [bigint, bigint] }
  /**
   * Whether what is shown is live. False while the connection is away, or the node's contact with a
   * quorum: then it may be old, and the watch goes on at another node where there is one.
   */
  | { readonly type: "contact"; readonly live: boolean };

export interface WatchOptions {
  /**
   * Go on after this revision, that of the last view that was seen, perhaps by an earlier process:
   * the first change told is the one that came next. Default: begin with the state as it is.
   * Where the server's history does not reach back so far, a `gap` is told and the state; a revision
   * that the server has never reached, as after a restore, ends the watch with GAP.
   */
  readonly after?: bigint;
  /** Ends the watch quietly: the iteration returns. */
  readonly signal?: AbortSignal;
}
