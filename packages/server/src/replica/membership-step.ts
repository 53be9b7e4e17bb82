// SPDX-License-Identifier: Apache-2.0
/**
 * What the leader of a group does next to bring the group's configuration to the list of members
 * (decision 0011): one step at a time, none that would lose a quorum.
 *
 * A function of the group and the list, without memory: a new leader goes on where the old one was.
 */

import type { Member } from "@conclave/fsm";
import { nodeOf, replicaIdOf } from "@conclave/raft";
import type { LogConfiguration, LogPeer, LogStatus } from "./membership-log.ts";

export type MembershipStep =
  | {
      readonly kind: "change";
      readonly voters: readonly number[];
      readonly learners: readonly number[];
    }
  /** The leader itself is to leave: another one goes on. */
  | { readonly kind: "transfer"; readonly toNode: number };

/** A replica that is no further behind than this has caught up, in entries. */
export const CAUGHT_UP_LAG = 1_000;

/**
 * The next step of a group that `self` leads, or undefined: nothing is to be done, or not now.
 *
 * @param members an empty list says nothing yet, and leads to no step
 */
export function nextStep(
  status: LogStatus,
  self: number,
  members: readonly Member[],
): MembershipStep | undefined {
  const { voters, learners, outgoing } = status.configuration;
  if (members.length === 0 || outgoing.length > 0) return undefined;
  const wanted = replicasOf(members);

  const missing = wanted.filter((id) => !voters.includes(id) && !learners.includes(id));
  const stayingLearners = learners.filter((id) => wanted.includes(id));
  if (missing.length > 0 || stayingLearners.length < learners.length) {
    return { kind: "change", voters, learners: [...stayingLearners, ...missing] };
  }
  const ready = readyLearner(status);
  const promotion = ready === undefined ? undefined : promote(status, self, ready);
  return promotion ?? removeVoter(status, self, wanted);
}

/** Whether the configuration is what the list says, with nothing under way. */
export function isSettled(configuration: LogConfiguration, members: readonly Member[]): boolean {
  const { voters, learners, outgoing } = configuration;
  if (outgoing.length > 0 || learners.length > 0) return false;
  const wanted = replicasOf(members);
  return voters.length === wanted.length && wanted.every((id) => voters.includes(id));
}

/** Whether `reachable` is a majority of `replicas`. */
export function isMajority(reachable: number, replicas: number): boolean {
  return reachable > Math.floor(replicas / 2);
}

export function hasCaughtUp(status: LogStatus, peer: LogPeer, lag: number): boolean {
  const isFollowing = peer.isActive && peer.state === "replicate";
  return isFollowing && status.lastIndex - peer.matchIndex <= lag;
}

function replicasOf(members: readonly Member[]): readonly number[] {
  return members.map(({ node, incarnation }) => replicaIdOf(node, incarnation));
}

function readyLearner(status: LogStatus): number | undefined {
  return status.configuration.learners.find((id) => {
    const peer = status.peers.find(({ replica }) => replica === id);
    return peer !== undefined && hasCaughtUp(status, peer, CAUGHT_UP_LAG);
  });
}

/** Gives a learner its vote, and takes that of its node's earlier incarnation in the same change. */
function promote(status: LogStatus, self: number, id: number): MembershipStep | undefined {
  const { voters, learners } = status.configuration;
  const staying = voters.filter((voter) => voter === self || nodeOf(voter) !== nodeOf(id));
  return change(status, self, {
    voters: [...staying, id],
    learners: learners.filter((learner) => learner !== id),
  });
}

function removeVoter(
  status: LogStatus,
  self: number,
  wanted: readonly number[],
): MembershipStep | undefined {
  const { voters, learners } = status.configuration;
  // One whose node comes back under another incarnation stays until that one can take its place.
  const returning = new Set(wanted.filter((id) => !voters.includes(id)).map(nodeOf));
  const leaving = voters.filter((id) => !wanted.includes(id) && !returning.has(nodeOf(id)));
  // Those that are silent first: their votes are missing anyway.
  const first = leaving.find((id) => !isReachable(status, self, id)) ?? leaving[0];
  if (first === undefined) return undefined;
  if (leaving.includes(self)) return handOver(status, wanted);
  return change(status, self, { voters: voters.filter((id) => id !== first), learners });
}

function handOver(status: LogStatus, wanted: readonly number[]): MembershipStep | undefined {
  const heirs = status.peers
    .filter(({ replica }) => wanted.includes(replica))
    .filter(({ replica }) => status.configuration.voters.includes(replica))
    .filter((peer) => hasCaughtUp(status, peer, CAUGHT_UP_LAG))
    .toSorted((a, b) => b.matchIndex - a.matchIndex);
  const [heir] = heirs;
  return heir === undefined ? undefined : { kind: "transfer", toNode: nodeOf(heir.replica) };
}

function change(
  status: LogStatus,
  self: number,
  next: { readonly voters: readonly number[]; readonly learners: readonly number[] },
): MembershipStep | undefined {
  const reachable = next.voters.filter((id) => isReachable(status, self, id)).length;
  return isMajority(reachable, next.voters.length) ? { kind: "change", ...next } : undefined;
}

function isReachable(status: LogStatus, self: number, id: number): boolean {
  return id === self || status.peers.some(({ replica, isActive }) => replica === id && isActive);
}
