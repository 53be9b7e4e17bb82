// SPDX-License-Identifier: Apache-2.0
/**
 * The algorithm: one event in, an ordered list of effects out.
 *
 * A function of state and event and of nothing else: it reads no clock, waits for nothing, does no
 * I/O, and draws chance only from the generator in the state. It speaks for a group of one member;
 * votes and matching indices are already counted by quorums, so that messages of others can join.
 */

import { assert, unreachable } from "@conclave/base";
import type { Effect } from "./effect.ts";
import { becomeLeader, campaign } from "./election.ts";
import type { RaftEvent } from "./event.ts";
import { propose } from "./proposal.ts";
import { confirm } from "./read-index.ts";
import { applied, entriesPersisted } from "./replication.ts";
import { assertValid, type RaftState } from "./state.ts";

/** The first effects of a member that has just been created. */
export function start(state: RaftState): readonly Effect[] {
  return campaign(state);
}

export function step(state: RaftState, event: RaftEvent): readonly Effect[] {
  const raftTermBefore = state.raftTerm;
  const votedForBefore = state.votedFor;
  const commitIndexBefore = state.commitIndex;
  const effects = stepKind(state, event);
  assert(state.raftTerm >= raftTermBefore, "R1: a member's raftTerm never falls");
  const isSameVote = state.votedFor === votedForBefore || votedForBefore === undefined;
  assert(isSameVote || state.raftTerm > raftTermBefore, "R1: one vote in a raftTerm");
  assert(state.commitIndex >= commitIndexBefore, "R6: commitIndex never falls");
  assertValid(state);
  return effects;
}

function stepKind(state: RaftState, event: RaftEvent): readonly Effect[] {
  switch (event.kind) {
    case "tick":
    case "received":
    case "change-configuration":
    case "transfer":
    case "unreachable":
    case "entries-unavailable":
    case "snapshot-installed":
      return [];
    case "vote-persisted":
      return becomeLeader(state, event.raftTerm);
    case "propose":
      return propose(state, event.proposals);
    case "entries-persisted":
      return entriesPersisted(state, event.index);
    case "applied":
      return applied(state, event.index);
    case "confirm":
      return event.reads.flatMap((read) => confirm(state, read));
    case "snapshotted":
      assert(event.index <= state.lastApplied, "R6: a snapshot holds what has been applied");
      state.log.compactTo(event.index);
      return [];
    default:
      return unreachable(event);
  }
}
