// SPDX-License-Identifier: Apache-2.0
/**
 * ReadIndex (Raft section 8, thesis 6.4): which index a linearizable read must wait for.
 *
 * With one voter the round is complete as soon as it begins. The heartbeats of a round, and the
 * count of their answers by joint quorum, grow here.
 */

import { assert } from "@conclave/base";
import type { Effect } from "./effect.ts";
import { type RaftState, WAITING_READS_MAX } from "./state.ts";

export function confirm(state: RaftState, read: number): readonly Effect[] {
  if (state.role !== "leader") return [{ kind: "not-confirmed", read, reason: "not-leader" }];
  if (state.waitingReads.length >= WAITING_READS_MAX) {
    return [{ kind: "not-confirmed", read, reason: "overloaded" }];
  }
  state.waitingReads.push(read);
  return releaseReads(state);
}

/** Answers the reads once the leader knows which entries are committed: when one of its own is. */
export function releaseReads(state: RaftState): readonly Effect[] {
  const hasCommitted = state.termStartIndex > 0 && state.commitIndex >= state.termStartIndex;
  if (!hasCommitted) return [];
  const { commitIndex: index, raftTerm } = state;
  assert(state.log.raftTermAt(index) === raftTerm, "R8: a read waits for an own entry's commit");
  const reads = state.waitingReads;
  state.waitingReads = [];
  return reads.map((read) => ({ kind: "confirmed", read, index, raftTerm }));
}
