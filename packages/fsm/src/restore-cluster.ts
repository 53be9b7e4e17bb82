// SPDX-License-Identifier: Apache-2.0
/**
 * What a restore of a whole cluster does to each partition before it serves (semantics A4; schedule
 * M): the old cluster may have issued more after the snapshot, so everything jumps ahead of it.
 */

import { removeCandidacies } from "./election.ts";
import { noteIdleness } from "./idleness.ts";
import type { PartitionState } from "./partition.ts";

/** Far above what the old cluster can have counted since the snapshot was taken. */
export const RESTORE_LEAD: bigint = 1n << 40n;

/**
 * Ends every session and candidacy, so that all elections come up vacant, and raises every term, the
 * floor and the counters. Each election is at a new revision, so that no stale condition holds.
 */
export function restoreCluster(state: PartitionState): void {
  const { endedSessionsMax } = state.limits;
  state.revision += RESTORE_LEAD;
  state.index += RESTORE_LEAD;
  state.termFloor += RESTORE_LEAD;
  for (const id of state.sessions.keys()) state.endedSessions.add(id);
  for (const id of state.endedSessions) {
    if (state.endedSessions.size <= endedSessionsMax) break;
    state.endedSessions.delete(id);
  }
  const elections = [...state.elections.values()].sort((a, b) => (a.text < b.text ? -1 : 1));
  for (const election of elections) {
    removeCandidacies(election, () => true);
    election.boundBy = undefined;
    election.streams.length = 0;
    election.term += RESTORE_LEAD;
    state.revision += 1n;
    election.revision = state.revision;
    election.changedMs = state.timeMs;
    election.termView = undefined;
    noteIdleness(state, election);
  }
  state.sessions.clear();
  // The new cluster has members of its own, who are set when it first has a leader.
  state.members = [];
  state.invited = [];
  for (const [text, tombstone] of state.tombstones) {
    state.tombstones.set(text, { ...tombstone, term: tombstone.term + RESTORE_LEAD });
  }
}
