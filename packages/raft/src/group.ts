// SPDX-License-Identifier: Apache-2.0
/**
 * One replicated log as its user sees it: the seam at which another engine can be plugged in.
 *
 * Types only. Nothing here says how many members a group has or where its bytes lie.
 */

import type { NodeId, ReplicaId } from "./ids.ts";

/** An entry that a quorum has made durable. Raft's own no-ops are not delivered; indices may skip. */
export interface CommittedEntry {
  readonly index: number;
  readonly raftTerm: number;
  readonly bytes: Uint8Array;
}

/** The whole state up to and including `index`, as `GroupListener.snapshot` once gave it. */
export interface RestoredSnapshot {
  readonly index: number;
  readonly raftTerm: number;
  readonly bytes: Uint8Array;
}

export type Role =
  | { readonly kind: "leader"; readonly raftTerm: number }
  | { readonly kind: "follower"; readonly raftTerm: number; readonly leader: NodeId | undefined };

/**
 * Why a group can go on no more: the disk failed twice in a row, on two files (`disk-failed`), or an
 * acknowledged entry that is to be applied does not verify (`damaged`).
 */
export interface HostFailure {
  readonly kind: "disk-failed" | "damaged";
  readonly detail: string;
}

/** What the owner of a group does when something happened. Calls come from the host's loop, one at a time. */
export interface GroupListener {
  /** Committed entries in log order, each once per process start, all after `restored`. */
  committed(entries: readonly CommittedEntry[]): void;
  /** The state to begin from, before any entry: at start if a snapshot exists, and when one is installed. */
  restored(snapshot: RestoredSnapshot): void;
  /** `leader` is said only once an entry of the leader's own raftTerm has been committed and applied. */
  roleChanged(role: Role): void;
  /**
   * Chunks of the state as of the last entry given to `committed`. The host walks them in slices and
   * gives this group nothing more to apply before the walk is over, so they may be made lazily from
   * the state itself (decision 0007).
   */
  snapshot(): Iterable<Uint8Array>;
  /** The last call that the group makes. Its open proposals have been answered `unknown`. */
  failed(reason: HostFailure): void;
}

/**
 * - `not-leader`: this node does not lead the group, or not yet.
 * - `raft-term-changed`: the raftTerm that the caller named is not the current one any more.
 * - `overloaded`: too many bytes or entries wait for their commit; try again later.
 * - `no-space`: the disk is full; reads go on, and proposals again when there is room.
 * - `too-large`: the entry is above the host's `entryBytesMax`.
 * - `stopped`: the host is stopping, has failed, or has not started.
 */
export type NotAppliedReason =
  | "not-leader"
  | "raft-term-changed"
  | "overloaded"
  | "no-space"
  | "too-large"
  | "stopped";

export type ProposeOutcome =
  /** `committed` has been called with it. */
  | { readonly kind: "applied"; readonly index: number }
  /** It is in no log and never will be. */
  | { readonly kind: "not-applied"; readonly reason: NotAppliedReason }
  /** It may or may not be applied, now or after a restart. */
  | { readonly kind: "unknown" };

export type ConfirmOutcome =
  /** A read that waits until `index` is applied sees all that was committed before `confirm` was called. */
  | { readonly kind: "confirmed"; readonly index: number; readonly raftTerm: number }
  | { readonly kind: "not-confirmed"; readonly reason: "not-leader" | "overloaded" | "stopped" };

export interface ProposeOptions {
  /** Propose only in this raftTerm; for decisions that were measured in it (an expiry). */
  readonly raftTerm?: number;
  /**
   * May use the room that is kept back for a full disk. For entries without which the cluster
   * cannot help itself: expiries, ends of sessions, administration. Default false.
   */
  readonly mayUseReserve?: boolean;
}

/** Who is in a group. `outgoing` is empty except while the voters change. */
export interface Membership {
  readonly voters: readonly ReplicaId[];
  readonly outgoing: readonly ReplicaId[];
  readonly learners: readonly ReplicaId[];
}

/**
 * - `not-leader`: this node does not lead the group.
 * - `change-under-way`: the last change has not committed yet.
 * - `raft-term-too-young`: no entry of the leader's own raftTerm has committed yet.
 * - `would-lose-quorum`: too few of the wished, or of the present voters are heard from.
 * - `unchanged`: the members are the wished ones already.
 * - `stopped`: the host is stopping, has failed, or has not started.
 */
export type ChangeOutcome =
  /** It stands in the log at `index`, and is done when that entry and the one that leaves it commit. */
  | { readonly kind: "begun"; readonly index: number }
  | {
      readonly kind: "refused";
      readonly reason:
        | "not-leader"
        | "change-under-way"
        | "raft-term-too-young"
        | "would-lose-quorum"
        | "unchanged"
        | "stopped";
    };

/** How far another replica is, as the leader knows it. */
export interface PeerStatus {
  readonly replica: ReplicaId;
  /** Its log equals the leader's up to here, durably. */
  readonly matchIndex: number;
  /** It was heard from within an election timeout. */
  readonly isActive: boolean;
  readonly isLearner: boolean;
  readonly state: "probe" | "replicate" | "snapshot";
}

export interface GroupStatus {
  readonly raftTerm: number;
  /** Whom it has voted for in this raftTerm, durably or on the way to it. */
  readonly votedFor: ReplicaId | undefined;
  readonly role: Role;
  readonly commitIndex: number;
  readonly appliedIndex: number;
  readonly lastIndex: number;
  /** How far its own disk holds the log. */
  readonly durableIndex: number;
  /** The one in use, committed or not. */
  readonly configuration: Membership;
  /** Empty unless this node leads. */
  readonly peers: readonly PeerStatus[];
}

export interface Group {
  /** Hands over `bytes`; the caller does not change them any more. */
  propose(bytes: Uint8Array, options?: ProposeOptions): Promise<ProposeOutcome>;
  /** A quorum round begun after this call (ReadIndex, Raft section 8; thesis 6.4). */
  confirm(): Promise<ConfirmOutcome>;
  /** Hands leadership to that node, if this one leads and the other is a voter; else does nothing. */
  transfer(toNode: NodeId): void;
  /** Asks for these members. One change at a time; by the leader only. */
  changeConfiguration(
    voters: readonly ReplicaId[],
    learners: readonly ReplicaId[],
  ): Promise<ChangeOutcome>;
  /**
   * Gives the listener nothing to apply until the function that it returns is called, so that the
   * state can be read in slices; what commits meanwhile waits (decision 0007).
   */
  hold(): () => void;
  /** As of now, for showing and for the care of membership. */
  status(): GroupStatus;
  readonly role: Role;
  /** The last index of which everything has been given to `committed`; moves over no-ops too. */
  readonly appliedIndex: number;
}
