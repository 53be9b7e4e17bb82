// SPDX-License-Identifier: Apache-2.0
/** Why a member may not start or go on, on whatever platform. */

/**
 * - `locked`: another process has the data directory.
 * - `foreign`: the data directory, or a member that was asked, is of another node or cluster.
 * - `older`: it was written by a development version that no release followed.
 * - `newer`: it was written by a later version.
 * - `not-writable`, `no-space`: the disk's answer.
 * - `damaged`: what was acknowledged cannot be read back, and nobody is there to learn it from.
 * - `refused`: the cluster does not take this node; the detail says why.
 */
export type MemberFailureReason =
  | "locked"
  | "foreign"
  | "older"
  | "newer"
  | "not-writable"
  | "no-space"
  | "damaged"
  | "refused";

/** @typeParam Reason the member's own, and those that its shell adds. */
export interface Failure<Reason extends string> {
  readonly kind: "failed";
  readonly reason: Reason;
  /** For people, without the name of the address or the directory. */
  readonly detail: string;
}

export type MemberFailure = Failure<MemberFailureReason>;

export function failure<Reason extends string>(reason: Reason, detail: string): Failure<Reason> {
  return { kind: "failed", reason, detail };
}
