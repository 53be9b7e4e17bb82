// SPDX-License-Identifier: Apache-2.0
/**
 * Commitment and application (Raft sections 5.3, 5.4.2). AppendEntries, its answers and the progress
 * of followers grow here.
 */

import { assert } from "@conclave/base";
import { jointIndex } from "../quorum/joint.ts";
import type { Effect } from "./effect.ts";
import { releaseReads } from "./read-index.ts";
import type { RaftState } from "./state.ts";

/** The leader's own disk has the entries up to `index`: from now on it counts itself for them. */
export function entriesPersisted(state: RaftState, index: number): readonly Effect[] {
  if (state.role !== "leader") return [];
  const { replica } = state.config;
  const known = state.matchIndex.get(replica) ?? 0;
  if (index <= known) return [];
  state.matchIndex.set(replica, index);
  return advanceCommitIndex(state);
}

function advanceCommitIndex(state: RaftState): readonly Effect[] {
  const reached = jointIndex(state.voters, (voter) => state.matchIndex.get(voter) ?? 0);
  if (reached <= state.commitIndex) return [];
  // Entries of earlier raftTerms are never committed by counting replicas, but by one of this
  // raftTerm behind them (5.4.2, figure 8).
  if (state.log.raftTermAt(reached) !== state.raftTerm) return [];
  const committed = state.uncommittedSizes.splice(0, reached - state.commitIndex);
  for (const size of committed) state.uncommittedBytes -= size;
  state.commitIndex = reached;
  assert(reached >= state.termStartIndex, "R4: a leader commits by an entry of its own raftTerm");
  const ownMatch = state.matchIndex.get(state.config.replica) ?? 0;
  assert(reached <= ownMatch, "R7: nothing is committed before the own sync");
  return [{ kind: "apply", to: reached }, ...releaseReads(state)];
}

/** The state machine has got there; a leader is announced once its own no-op has been. */
export function applied(state: RaftState, index: number): readonly Effect[] {
  assert(index > state.lastApplied, "R5: entries are applied in order and once");
  state.lastApplied = index;
  const { raftTerm, role, isAnnounced } = state;
  if (role !== "leader" || isAnnounced || index < state.termStartIndex) return [];
  state.isAnnounced = true;
  return [{ kind: "role", role: { kind: "leader", raftTerm } }];
}
