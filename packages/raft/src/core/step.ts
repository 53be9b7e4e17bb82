// SPDX-License-Identifier: Apache-2.0
/**
 * The algorithm: one event in, an ordered list of effects out.
 *
 * A function of state and event and of nothing else: it reads no clock, waits for nothing, does no
 * I/O, and draws chance only from the generator in the state.
 */

import { assert, unreachable } from "@conclave/base";
import { snapshotted } from "./compaction.ts";
import type { Effect } from "./effect.ts";
import { preCampaign, votePersisted } from "./election.ts";
import type { RaftEvent } from "./event.ts";
import { changeConfiguration } from "./membership.ts";
import { beginOutput, finishOutput, type Output } from "./output.ts";
import { propose } from "./proposal.ts";
import { confirm } from "./read-index.ts";
import { receive } from "./receive.ts";
import { entriesPersisted, entriesUnavailable, messagesLost } from "./replication.ts";
import { snapshotInstalled } from "./snapshot-receiving.ts";
import { assertValid, type RaftState } from "./state.ts";
import { tick } from "./tick.ts";
import { transfer } from "./transfer.ts";

/** The first effects of a member that has just been created: one that votes alone asks nobody. */
export function start(state: RaftState): readonly Effect[] {
  const out = beginOutput(state);
  const { voters, outgoing } = state.configurations.inUse.configuration;
  const isAlone = voters.length === 1 && voters[0] === state.config.replica;
  if (isAlone && outgoing.length === 0) preCampaign(state, out);
  return finishOutput(state, out);
}

export function step(state: RaftState, event: RaftEvent): readonly Effect[] {
  const { raftTerm, votedFor, commitIndex } = state;
  const out = beginOutput(state);
  stepKind(state, out, event);
  const effects = finishOutput(state, out);
  assert(state.raftTerm >= raftTerm, "R1: a member's raftTerm never falls");
  const isSameVote = state.votedFor === votedFor || votedFor === undefined;
  assert(isSameVote || state.raftTerm > raftTerm, "R1: one vote in a raftTerm");
  assert(state.commitIndex >= commitIndex, "R6: commitIndex never falls");
  assertValid(state);
  return effects;
}

function stepKind(state: RaftState, out: Output, event: RaftEvent): void {
  switch (event.kind) {
    case "tick":
      tick(state, out);
      return;
    case "received":
      receive(state, out, event.from, event.message);
      return;
    case "vote-persisted":
      votePersisted(state, out, event.raftTerm);
      return;
    case "entries-persisted":
      entriesPersisted(state, out, event.index, event.truncations);
      return;
    case "propose":
      propose(state, out, event.proposals);
      return;
    case "confirm":
      confirm(state, out, event.reads);
      return;
    case "change-configuration":
      changeConfiguration(state, out, event);
      return;
    case "transfer":
      transfer(state, out, event.to);
      return;
    case "applied":
      applied(state, event.index);
      return;
    case "snapshotted":
      snapshotted(state, out, event);
      return;
    case "snapshot-installed":
      snapshotInstalled(state, out, event.snapshotIndex);
      return;
    case "snapshot-refused":
      state.incoming = undefined;
      return;
    case "unreachable":
      messagesLost(state, event.replica);
      return;
    case "entries-unavailable":
      entriesUnavailable(state, event.to);
      return;
    default:
      unreachable(event);
  }
}

/** The state machine has got there; a leader is announced once its own no-op has been. */
function applied(state: RaftState, index: number): void {
  assert(index > state.lastApplied, "R5: entries are applied in order and once");
  state.lastApplied = index;
  const { role } = state;
  if (role.kind === "leader" && index >= role.termStartIndex) role.isAnnounced = true;
}
