// SPDX-License-Identifier: Apache-2.0
/** Messages of other members: first what their raftTerm means (Raft section 5.1), then themselves. */

import { unreachable } from "@conclave/base";
import type { ReplicaId } from "../ids.ts";
import {
  campaign,
  mayCampaign,
  receivePreVoteRequest,
  receiveVote,
  receiveVoteRequest,
} from "./election.ts";
import { receiveAppendEntries, receiveHeartbeat } from "./following.ts";
import type { RaftMessage } from "./message.ts";
import { type Output, send } from "./output.ts";
import { receiveAnswer } from "./replication.ts";
import { becomeFollower, followLeader, isLedAlready } from "./role.ts";
import { receiveChunk } from "./snapshot-receiving.ts";
import type { RaftState } from "./state.ts";

export function receive(
  state: RaftState,
  out: Output,
  from: ReplicaId,
  message: RaftMessage,
): void {
  if (message.raftTerm < state.raftTerm) {
    answerLate(state, out, from, message);
    return;
  }
  if (message.raftTerm > state.raftTerm) {
    const isUnwanted = message.kind === "vote-request" && !message.isTransfer;
    if (isUnwanted && isLedAlready(state)) return;
    if (!isWish(message)) becomeFollower(state, out, message.raftTerm);
  }
  receiveCurrent(state, out, from, message);
}

/** A raftTerm that nobody is in yet: a PreVote asks about it, and a yes repeats it. */
function isWish(message: RaftMessage): boolean {
  if (message.kind === "pre-vote-request") return true;
  return message.kind === "pre-vote-response" && message.isGranted;
}

function receiveCurrent(
  state: RaftState,
  out: Output,
  from: ReplicaId,
  message: RaftMessage,
): void {
  switch (message.kind) {
    case "pre-vote-request":
      receivePreVoteRequest(state, out, from, message);
      return;
    case "vote-request":
      receiveVoteRequest(state, out, from, message);
      return;
    case "pre-vote-response":
    case "vote-response":
      receiveVote(state, out, from, message);
      return;
    case "append-entries":
      followLeader(state, from);
      receiveAppendEntries(state, out, from, message);
      return;
    case "heartbeat":
      followLeader(state, from);
      receiveHeartbeat(state, out, from, message);
      return;
    case "install-snapshot":
      followLeader(state, from);
      receiveChunk(state, out, from, message);
      return;
    case "timeout-now":
      timeoutNow(state, out, from);
      return;
    case "append-entries-accepted":
    case "append-entries-rejected":
    case "heartbeat-response":
    case "install-snapshot-response":
      receiveAnswer(state, out, from, message);
      return;
    default:
      unreachable(message);
  }
}

/** Thesis 3.10: no PreVote, since the leader itself wants the election. */
function timeoutNow(state: RaftState, out: Output, from: ReplicaId): void {
  const { role } = state;
  const isFromLeader = role.kind === "follower" && role.leader === from;
  if (isFromLeader && mayCampaign(state)) campaign(state, out, true);
}

/**
 * Its sender lives in an earlier raftTerm and has to hear of the present one, a leader above all: a
 * member that came to a later raftTerm in vain could otherwise never follow it, nor unseat it.
 */
function answerLate(state: RaftState, out: Output, from: ReplicaId, message: RaftMessage): void {
  const { raftTerm } = state;
  switch (message.kind) {
    case "pre-vote-request":
      receivePreVoteRequest(state, out, from, message);
      return;
    case "vote-request":
      send(out, from, { kind: "vote-response", raftTerm, isGranted: false });
      return;
    case "append-entries":
    case "heartbeat":
    case "install-snapshot":
      send(out, from, { kind: "heartbeat-response", raftTerm, round: 0 });
      return;
    default:
  }
}
