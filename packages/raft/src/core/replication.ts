// SPDX-License-Identifier: Apache-2.0
/** What a leader makes of its followers' answers, and of its own disk's (Raft section 5.3). */

import { assert } from "@conclave/base";
import type { ReplicaId } from "../ids.ts";
import { advanceCommitIndex } from "./commit.ts";
import { stalledTicksOf } from "./config.ts";
import type { MessageOf } from "./message.ts";
import type { Output } from "./output.ts";
import { acknowledged, beginProbe, beginReplicate, type Progress } from "./progress.ts";
import { releaseReads } from "./read-index.ts";
import { replicateTo, sendAgain, spreadCommit } from "./sending.ts";
import { sendChunks } from "./snapshot-sending.ts";
import type { Leadership, RaftState } from "./state.ts";
import { handOver } from "./transfer.ts";

type Answer = MessageOf<
  | "append-entries-accepted"
  | "append-entries-rejected"
  | "heartbeat-response"
  | "install-snapshot-response"
>;

export function receiveAnswer(
  state: RaftState,
  out: Output,
  from: ReplicaId,
  message: Answer,
): void {
  const { role } = state;
  const progress = role.kind === "leader" ? role.progress.get(from) : undefined;
  // Whoever is no member any more may still answer.
  if (role.kind !== "leader" || progress === undefined) return;
  progress.silentTicks = 0;
  switch (message.kind) {
    case "append-entries-accepted":
      accepted(state, role, out, { from, progress, matchIndex: message.matchIndex });
      return;
    case "append-entries-rejected":
      rejected(state, out, from, progress, message);
      return;
    case "heartbeat-response":
      heartbeatAnswered(state, role, out, from, progress, message.round);
      return;
    case "install-snapshot-response":
      chunkAnswered(state, role, out, from, progress, message);
  }
}

/** The own disk has the entries up to `index`: from now on the member counts itself for them. */
export function entriesPersisted(
  state: RaftState,
  out: Output,
  index: number,
  truncations: number,
): void {
  assert(truncations <= state.truncations, "R7: entries are written before they are durable");
  // Entries that were taken away since have been replaced, and their successors' sync is told too.
  if (truncations !== state.truncations || index <= state.durableIndex) return;
  state.durableIndex = index;
  if (state.role.kind === "leader") advanceCommitIndex(state, state.role, out);
}

/** The transport has lost messages: what was on its way is sent again when the member is heard. */
export function messagesLost(state: RaftState, replica: ReplicaId): void {
  const progress = progressOf(state, replica);
  if (progress === undefined) return;
  // A probe and a snapshot are where they were: what is lost of them is sent again, and no more.
  if (progress.flow.kind === "replicate") beginProbe(progress, false);
  progress.stalledTicks = stalledTicksOf(state.config);
}

/** What was to be sent is gone: it is looked for anew, but not in haste. */
export function entriesUnavailable(state: RaftState, replica: ReplicaId): void {
  const progress = progressOf(state, replica);
  if (progress === undefined) return;
  beginProbe(progress, true);
  progress.stalledTicks = 0;
}

function progressOf({ role }: RaftState, replica: ReplicaId): Progress | undefined {
  return role.kind === "leader" ? role.progress.get(replica) : undefined;
}

interface Acceptance {
  readonly from: ReplicaId;
  readonly progress: Progress;
  readonly matchIndex: number;
}

function accepted(
  state: RaftState,
  leadership: Leadership,
  out: Output,
  { from, progress, matchIndex }: Acceptance,
): void {
  assert(matchIndex <= state.log.last.index, "R16: nobody holds more than the leader has sent");
  const { flow } = progress;
  if (matchIndex > progress.matchIndex) {
    progress.matchIndex = matchIndex;
    progress.stalledTicks = 0;
  }
  progress.nextIndex = Math.max(progress.nextIndex, progress.matchIndex + 1);
  if (flow.kind === "replicate") acknowledged(flow, matchIndex);
  const isInReach = progress.matchIndex >= state.log.base.index;
  if (flow.kind === "probe" || (flow.kind === "snapshot" && isInReach)) beginReplicate(progress);
  advanceCommitIndex(state, leadership, out);
  // With the commit it may have ceased to lead, or the other to be a member.
  if (state.role !== leadership || !leadership.progress.has(from)) return;
  replicateTo(state, out, from, progress);
  spreadCommit(state, leadership, out);
  if (leadership.transfer?.to === from) handOver(state, leadership, out);
}

function rejected(
  state: RaftState,
  out: Output,
  from: ReplicaId,
  progress: Progress,
  message: MessageOf<"append-entries-rejected">,
): void {
  const { flow } = progress;
  const { rejectedIndex, conflictIndex, conflictRaftTerm } = message;
  if (flow.kind === "snapshot" || rejectedIndex <= progress.matchIndex) return;
  if (flow.kind === "probe" && rejectedIndex !== progress.nextIndex - 1) return;
  const common = state.log.lastNotAfter(conflictIndex, conflictRaftTerm);
  beginProbe(progress, false);
  // Gone from the log: the entry at its beginning cannot be checked, so a snapshot has to go.
  const nextIndex = common === undefined ? state.log.base.index : common.index + 1;
  progress.nextIndex = Math.max(nextIndex, progress.matchIndex + 1);
  replicateTo(state, out, from, progress);
}

function heartbeatAnswered(
  state: RaftState,
  leadership: Leadership,
  out: Output,
  from: ReplicaId,
  progress: Progress,
  round: number,
): void {
  assert(round <= leadership.round, "R15: nobody answers a round that has not begun");
  progress.answeredRound = Math.max(progress.answeredRound, round);
  releaseReads(state, leadership, out);
  if (progress.stalledTicks >= stalledTicksOf(state.config)) sendAgain(state, out, from, progress);
}

function chunkAnswered(
  state: RaftState,
  leadership: Leadership,
  out: Output,
  from: ReplicaId,
  progress: Progress,
  message: MessageOf<"install-snapshot-response">,
): void {
  const { flow } = progress;
  if (message.isInstalled) {
    accepted(state, leadership, out, { from, progress, matchIndex: message.snapshotIndex });
    return;
  }
  if (flow.kind !== "snapshot" || flow.snapshot.index !== message.snapshotIndex) return;
  const { nextOffset } = message;
  if (nextOffset === flow.acknowledgedOffset) return;
  // Less than was acknowledged: the member has lost what it had, and begins again.
  const isLost = nextOffset < flow.acknowledgedOffset;
  flow.acknowledgedOffset = nextOffset;
  flow.sentOffset = isLost ? nextOffset : Math.max(flow.sentOffset, nextOffset);
  progress.stalledTicks = 0;
  sendChunks(state, out, from, flow);
}
