// SPDX-License-Identifier: Apache-2.0
/**
 * Elections: PreVote (thesis 9.6), then the vote itself (Raft sections 5.2, 5.4.1).
 *
 * A vote counts only when it is durable. Requests for votes wait for the candidate's own.
 */

import { assert } from "@conclave/base";
import type { ReplicaId } from "../ids.ts";
import { isVoter } from "../log/configuration.ts";
import { jointVote } from "../quorum/joint.ts";
import type { VoteResult } from "../quorum/majority.ts";
import { appendAsLeader } from "./leader-log.ts";
import type { MessageOf } from "./message.ts";
import { type Output, send } from "./output.ts";
import { createProgress } from "./progress.ts";
import { becomeFollower, isLedAlready, restartElectionTimer } from "./role.ts";
import { replicateToAll } from "./sending.ts";
import {
  type Candidate,
  isInstalling,
  type Leadership,
  otherMembers,
  otherVoters,
  type RaftState,
} from "./state.ts";

const NO_BYTES: Uint8Array = new Uint8Array(0);

/** One tick of a member that does not lead. */
export function tickElection(state: RaftState, out: Output): void {
  state.electionElapsed += 1;
  if (state.electionElapsed < state.electionTimeout) return;
  if (mayCampaign(state)) {
    preCampaign(state, out);
    return;
  }
  const { role } = state;
  const isLed = role.kind === "follower" && role.leader !== undefined;
  if (isLed) state.role = { kind: "follower", leader: undefined };
}

/**
 * Whether this member may stand at all. A snapshot that is being installed is not a log to stand with.
 *
 * One that is no voter any more still stands until it knows that this has committed: it may be the
 * only one with the entry that says so, and then nobody else can be elected (its log is the longest).
 * It does not count itself.
 */
export function mayCampaign(state: RaftState): boolean {
  const { role, configurations, commitIndex } = state;
  const self = state.config.replica;
  const isElectable = configurations.from(commitIndex).some((one) => isVoter(one, self));
  if (!isElectable || isInstalling(state)) return false;
  // A candidate whose vote is still being written starts no further election: on a slow disk each
  // one would only queue another vote behind the first.
  return role.kind !== "candidate" || role.votes.has(self);
}

/** Asks what an election would bring, with nothing changed anywhere if it would bring nothing. */
export function preCampaign(state: RaftState, out: Output): void {
  restartElectionTimer(state);
  const self = state.config.replica;
  state.role = { kind: "pre-candidate", votes: new Map([[self, true]]) };
  if (resultOf(state, state.role) === "won") {
    campaign(state, out, false);
    return;
  }
  const raftTerm = state.raftTerm + 1;
  for (const to of otherVoters(state)) {
    send(out, to, { kind: "pre-vote-request", raftTerm, ...lastOf(state) });
  }
}

/** A new raftTerm, and the vote in it for oneself. */
export function campaign(state: RaftState, out: Output, isTransfer: boolean): void {
  restartElectionTimer(state);
  state.raftTerm += 1;
  state.votedFor = state.config.replica;
  state.role = { kind: "candidate", votes: new Map() };
  const { raftTerm } = state;
  out.thenStep.push({ kind: "vote-persisted", raftTerm });
  for (const to of otherVoters(state)) {
    const message = { kind: "vote-request", raftTerm, ...lastOf(state), isTransfer } as const;
    out.thenSend.push({ to, message });
  }
}

/** The own vote is durable and counts now. */
export function votePersisted(state: RaftState, out: Output, raftTerm: number): void {
  assert(raftTerm <= state.raftTerm, "R9: a vote counts in the raftTerm it was given in");
  const { role } = state;
  if (raftTerm < state.raftTerm || role.kind !== "candidate") return;
  role.votes.set(state.config.replica, true);
  if (resultOf(state, role) === "won") becomeLeader(state, out);
}

export function receiveVote(
  state: RaftState,
  out: Output,
  from: ReplicaId,
  message: MessageOf<"pre-vote-response" | "vote-response">,
): void {
  const { role } = state;
  const kind = message.kind === "vote-response" ? "candidate" : "pre-candidate";
  if (role.kind !== kind) return;
  // The yes to a PreVote bears the raftTerm that was asked for; one of an earlier try is void.
  if (message.isGranted && kind === "pre-candidate" && message.raftTerm !== state.raftTerm + 1) {
    return;
  }
  if (!role.votes.has(from)) role.votes.set(from, message.isGranted);
  const result = resultOf(state, role);
  if (result === "lost") becomeFollower(state, out, state.raftTerm);
  if (result !== "won") return;
  if (kind === "pre-candidate") campaign(state, out, false);
  else becomeLeader(state, out);
}

export function receivePreVoteRequest(
  state: RaftState,
  out: Output,
  from: ReplicaId,
  message: MessageOf<"pre-vote-request">,
): void {
  if (isLedAlready(state)) return;
  const isGranted = message.raftTerm > state.raftTerm && isUpToDate(state, message);
  const raftTerm = isGranted ? message.raftTerm : state.raftTerm;
  send(out, from, { kind: "pre-vote-response", raftTerm, isGranted });
}

/**
 * A member answers even if its own log does not call it a voter yet: the candidate may hold the
 * entry that made it one, and could not win without it. Whoever asks counts voters only (R15).
 */
export function receiveVoteRequest(
  state: RaftState,
  out: Output,
  from: ReplicaId,
  message: MessageOf<"vote-request">,
): void {
  assert(message.raftTerm === state.raftTerm, "R9: a vote is given in the current raftTerm");
  const { raftTerm, votedFor, role } = state;
  const isLed = role.kind === "leader" || (role.kind === "follower" && role.leader !== undefined);
  const isFree = votedFor === undefined && !isLed;
  if (!(isFree || votedFor === from) || !isUpToDate(state, message)) {
    send(out, from, { kind: "vote-response", raftTerm, isGranted: false });
    return;
  }
  state.votedFor = from;
  state.electionElapsed = 0;
  out.isVoteRepeated = true;
  out.thenSend.push({ to: from, message: { kind: "vote-response", raftTerm, isGranted: true } });
}

/** 5.4.1: a later last raftTerm wins, with the same one the longer log. */
function isUpToDate(
  state: RaftState,
  { lastLogIndex, lastLogRaftTerm }: MessageOf<"pre-vote-request" | "vote-request">,
): boolean {
  const { last } = state.log;
  if (lastLogRaftTerm !== last.raftTerm) return lastLogRaftTerm > last.raftTerm;
  return lastLogIndex >= last.index;
}

function lastOf({ log }: RaftState): {
  readonly lastLogIndex: number;
  readonly lastLogRaftTerm: number;
} {
  return { lastLogIndex: log.last.index, lastLogRaftTerm: log.last.raftTerm };
}

function resultOf(state: RaftState, { kind, votes }: Candidate): VoteResult {
  const result = jointVote(state.configurations.inUse.configuration, (voter) => votes.get(voter));
  // Others may have made a majority before the own vote is durable; it might then be given twice.
  const isOwnOpen = kind === "candidate" && !votes.has(state.config.replica);
  return result === "won" && isOwnOpen ? "pending" : result;
}

function becomeLeader(state: RaftState, out: Output): void {
  const { log } = state;
  assert(state.votedFor === state.config.replica, "R1: a leader has its own vote");
  const leadership: Leadership = {
    kind: "leader",
    termStartIndex: log.last.index + 1,
    isAnnounced: false,
    progress: new Map(),
    heartbeatElapsed: 0,
    round: 1,
    waitingReads: [],
    openRounds: [],
    transfer: undefined,
  };
  for (const replica of otherMembers(state)) {
    leadership.progress.set(replica, createProgress(log.last.index + 1, 0));
  }
  state.role = leadership;
  // An entry of its own raftTerm lets the leader commit, and so learn, what came before (5.4.2, 8).
  appendAsLeader(state, out, "noop", NO_BYTES);
  replicateToAll(state, leadership, out);
}
