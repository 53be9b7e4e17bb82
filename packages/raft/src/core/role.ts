// SPDX-License-Identifier: Apache-2.0
/** How a member comes to follow: another's raftTerm, another's leadership, or nobody (section 5.1). */

import { assert } from "@conclave/base";
import type { ReplicaId } from "../ids.ts";
import type { Output } from "./output.ts";
import { drawElectionTimeout, type Leadership, type RaftState } from "./state.ts";

/** Takes up `raftTerm`, if it is a later one, and follows nobody in it yet. */
export function becomeFollower(state: RaftState, out: Output, raftTerm: number): void {
  if (raftTerm > state.raftTerm) {
    state.raftTerm = raftTerm;
    state.votedFor = undefined;
  }
  if (state.role.kind === "leader") {
    refuseReads(state.role, out);
    restartElectionTimer(state);
  }
  state.role = { kind: "follower", leader: undefined };
}

/** A leader of the current raftTerm has spoken. */
export function followLeader(state: RaftState, leader: ReplicaId): void {
  const { role } = state;
  assert(role.kind !== "leader", "R1: at most one leader per raftTerm");
  const known = role.kind === "follower" ? role.leader : undefined;
  assert(known === undefined || known === leader, "R1: at most one leader per raftTerm");
  if (known === undefined) state.role = { kind: "follower", leader };
  state.electionElapsed = 0;
}

/** Draws a new timeout, so that members that have collided once do not for ever (section 5.2). */
export function restartElectionTimer(state: RaftState): void {
  state.electionElapsed = 0;
  state.electionTimeout = drawElectionTimeout(state.config, state.prng);
}

/**
 * A leader is believed to be there, so nobody is helped to unseat it (thesis 4.2.3). A leader
 * believes in itself as long as CheckQuorum does.
 */
export function isLedAlready(state: RaftState): boolean {
  const { role, config, electionElapsed } = state;
  if (role.kind === "leader") return true;
  const isLed = role.kind === "follower" && role.leader !== undefined;
  return isLed && electionElapsed < config.electionTicks.min;
}

function refuseReads(leadership: Leadership, out: Output): void {
  const reads = [
    ...leadership.openRounds.flatMap((round) => round.reads),
    ...leadership.waitingReads,
  ];
  for (const read of reads) {
    out.effects.push({ kind: "not-confirmed", read, reason: "not-leader" });
  }
}
