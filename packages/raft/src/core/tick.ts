// SPDX-License-Identifier: Apache-2.0
/** One beat of the clock: heartbeats, elections, and a leader's doubt in itself (CheckQuorum). */

import { jointVote } from "../quorum/joint.ts";
import { tickElection } from "./election.ts";
import type { Output } from "./output.ts";
import { isWaiting } from "./progress.ts";
import { becomeFollower } from "./role.ts";
import { sendHeartbeats } from "./sending.ts";
import type { Leadership, RaftState } from "./state.ts";
import { tickTransfer } from "./transfer.ts";

export function tick(state: RaftState, out: Output): void {
  if (state.role.kind === "leader") tickLeader(state, state.role, out);
  else tickElection(state, out);
}

function tickLeader(state: RaftState, leadership: Leadership, out: Output): void {
  for (const progress of leadership.progress.values()) {
    progress.silentTicks += 1;
    if (isWaiting(progress)) progress.stalledTicks += 1;
  }
  // Others may have elected somebody else, whom this member cannot hear (thesis 6.2).
  if (!isQuorumThere(state, leadership)) {
    becomeFollower(state, out, state.raftTerm);
    return;
  }
  tickTransfer(state, leadership);
  leadership.heartbeatElapsed += 1;
  if (leadership.heartbeatElapsed < state.config.heartbeatTicks) return;
  sendHeartbeats(state, leadership, out);
}

function isQuorumThere(state: RaftState, { progress }: Leadership): boolean {
  const { config, configurations } = state;
  const isThere = (voter: number): boolean => {
    const silentTicks = progress.get(voter)?.silentTicks ?? 0;
    return voter === config.replica || silentTicks <= config.electionTicks.min;
  };
  return jointVote(configurations.inUse.configuration, isThere) === "won";
}
