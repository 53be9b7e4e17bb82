// SPDX-License-Identifier: Apache-2.0
/**
 * What a leader sends without being asked: entries, as far as each member's window allows, news of
 * the commit, and heartbeats (Raft section 5.3).
 */

import { assert } from "@conclave/base";
import type { ReplicaId } from "../ids.ts";
import { type Output, send } from "./output.ts";
import { hasWindow, type Progress, type ReplicateFlow, sent } from "./progress.ts";
import { beginSnapshot, sendChunks } from "./snapshot-sending.ts";
import { type Leadership, otherVoters, type RaftState } from "./state.ts";

export function replicateToAll(state: RaftState, leadership: Leadership, out: Output): void {
  for (const [to, progress] of leadership.progress) replicateTo(state, out, to, progress);
}

/** Sends all that may be sent to one member now. */
export function replicateTo(
  state: RaftState,
  out: Output,
  to: ReplicaId,
  progress: Progress,
): void {
  const { flow } = progress;
  switch (flow.kind) {
    case "snapshot":
      sendChunks(state, out, to, flow);
      return;
    case "probe":
      if (flow.isSent || !hasMore(state, progress)) return;
      flow.isSent = sendEntries(state, out, to, progress) !== undefined;
      progress.stalledTicks = 0;
      return;
    case "replicate":
      fillWindow(state, out, to, progress, flow);
  }
}

function fillWindow(
  state: RaftState,
  out: Output,
  to: ReplicaId,
  progress: Progress,
  flow: ReplicateFlow,
): void {
  while (hasMore(state, progress) && hasWindow(flow, state.config.flow)) {
    const { nextIndex } = progress;
    const through = sendEntries(state, out, to, progress);
    if (through === undefined) return;
    sent(flow, through, state.log.bytesBetween(nextIndex - 1, through));
    progress.nextIndex = through + 1;
  }
}

/** One AppendEntries with what fits from nextIndex on, or a snapshot if that is gone from the log. */
function sendEntries(
  state: RaftState,
  out: Output,
  to: ReplicaId,
  progress: Progress,
): number | undefined {
  const { log, config } = state;
  const prevLogIndex = progress.nextIndex - 1;
  if (prevLogIndex < log.base.index) {
    sendChunks(state, out, to, beginSnapshot(state, progress));
    return undefined;
  }
  const through = log.throughWithin(progress.nextIndex, config.flow.append);
  sendAppend(state, out, to, prevLogIndex, through);
  progress.toldCommit = Math.max(progress.toldCommit, Math.min(state.commitIndex, through));
  return through;
}

function sendAppend(
  state: RaftState,
  out: Output,
  to: ReplicaId,
  prevLogIndex: number,
  through: number,
): void {
  const { raftTerm, log, commitIndex: leaderCommit } = state;
  const prevLogRaftTerm = log.raftTermAt(prevLogIndex);
  const from = prevLogIndex + 1;
  send(out, to, {
    kind: "append-entries",
    raftTerm,
    prevLogIndex,
    prevLogRaftTerm,
    from,
    through,
    leaderCommit,
  });
}

/** Tells members at once that more is committed: they apply it, and serve those who watch there. */
export function spreadCommit(state: RaftState, leadership: Leadership, out: Output): void {
  for (const [to, progress] of leadership.progress) {
    replicateTo(state, out, to, progress);
    const leaderCommit = Math.min(state.commitIndex, progress.matchIndex);
    if (progress.flow.kind !== "replicate" || leaderCommit <= progress.toldCommit) continue;
    progress.toldCommit = leaderCommit;
    send(out, to, { kind: "heartbeat", raftTerm: state.raftTerm, leaderCommit, round: 0 });
  }
}

export function sendHeartbeats(state: RaftState, leadership: Leadership, out: Output): void {
  leadership.heartbeatElapsed = 0;
  for (const to of leadership.progress.keys()) sendHeartbeat(state, leadership, out, to);
}

/** Asks the voters whether this member still leads. */
export function sendRound(state: RaftState, leadership: Leadership, out: Output): void {
  for (const to of otherVoters(state)) sendHeartbeat(state, leadership, out, to);
}

function sendHeartbeat(state: RaftState, leadership: Leadership, out: Output, to: ReplicaId): void {
  const progress = leadership.progress.get(to);
  assert(progress !== undefined, "R15: a leader knows every voter");
  const { raftTerm } = state;
  // Beyond matchIndex the follower's log may still differ from the leader's.
  const leaderCommit = Math.min(state.commitIndex, progress.matchIndex);
  progress.toldCommit = Math.max(progress.toldCommit, leaderCommit);
  send(out, to, { kind: "heartbeat", raftTerm, leaderCommit, round: leadership.round });
}

/** A member is there, but nothing that was sent to it has been answered for long: it may be lost. */
export function sendAgain(state: RaftState, out: Output, to: ReplicaId, progress: Progress): void {
  const { flow } = progress;
  progress.stalledTicks = 0;
  switch (flow.kind) {
    case "probe":
      flow.isSent = false;
      replicateTo(state, out, to, progress);
      return;
    case "replicate":
      // An empty message at the window's end tells, by its answer, what of the window is missing.
      if (progress.nextIndex - 1 < state.log.base.index) {
        sendChunks(state, out, to, beginSnapshot(state, progress));
        return;
      }
      sendAppend(state, out, to, progress.nextIndex - 1, progress.nextIndex - 1);
      return;
    case "snapshot":
      // The last chunk is answered by the installation only, so there is always something to send.
      flow.sentOffset = flow.acknowledgedOffset;
      sendChunks(state, out, to, flow);
  }
}

/** There are entries that have not been sent to it. */
function hasMore(state: RaftState, progress: Progress): boolean {
  return progress.nextIndex <= state.log.last.index;
}
