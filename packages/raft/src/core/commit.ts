// SPDX-License-Identifier: Apache-2.0
/** When entries are committed, and what a leader does then (Raft sections 5.3, 5.4.2). */

import { assert } from "@conclave/base";
import { isVoter } from "../log/configuration.ts";
import { jointIndex } from "../quorum/joint.ts";
import { leaveJoint } from "./membership.ts";
import { type Output, send } from "./output.ts";
import { beginWaitingReads, releaseReads } from "./read-index.ts";
import { becomeFollower } from "./role.ts";
import { spreadCommit } from "./sending.ts";
import { type Leadership, matchIndexOf, otherVoters, type RaftState } from "./state.ts";

/** Looks whether a majority, or both of them, holds more of the leader's log than before. */
export function advanceCommitIndex(state: RaftState, leadership: Leadership, out: Output): void {
  const { configuration } = state.configurations.inUse;
  const reached = jointIndex(configuration, (voter) => matchIndexOf(state, leadership, voter));
  if (reached <= state.commitIndex) return;
  assert(reached <= state.log.last.index, "R16: nobody holds more than the leader has sent");
  // Entries of earlier raftTerms are never committed by counting replicas, but by one of this
  // raftTerm behind them (5.4.2, figure 8).
  if (state.log.raftTermAt(reached) !== state.raftTerm) return;
  state.commitIndex = reached;
  assert(
    reached >= leadership.termStartIndex,
    "R4: a leader commits by an entry of its own raftTerm",
  );
  beginWaitingReads(state, leadership, out);
  leaveJoint(state, leadership, out);
  // With the old voters gone a round may have all the answers that it needs, and get no more.
  releaseReads(state, leadership, out);
  spreadCommit(state, leadership, out);
  stepDownIfRemoved(state, leadership, out);
}

/** A follower takes over what the leader has committed, of what is known to be equal in both logs. */
export function commitTo(state: RaftState, index: number): void {
  assert(index <= state.log.last.index, "R12: what was told to be durable is still there");
  state.commitIndex = Math.max(state.commitIndex, index);
}

/**
 * A leader that is no voter any more leads until that has committed (thesis 4.2.2). It then asks the
 * most advanced voter to take over, so that nobody has to wait for a timeout.
 */
function stepDownIfRemoved(state: RaftState, leadership: Leadership, out: Output): void {
  const { index, configuration } = state.configurations.inUse;
  const isCommitted = index <= state.commitIndex;
  if (!isCommitted || isVoter(configuration, state.config.replica)) return;
  const match = (voter: number): number => matchIndexOf(state, leadership, voter);
  const [successor] = [...otherVoters(state)].sort((a, b) => match(b) - match(a));
  if (successor !== undefined) {
    send(out, successor, { kind: "timeout-now", raftTerm: state.raftTerm });
  }
  becomeFollower(state, out, state.raftTerm);
}
