// SPDX-License-Identifier: Apache-2.0
/**
 * What one step gives out: gathered while it runs, put in order when it ends.
 *
 * The order is: what is told at once; one `persist` for all that must be durable; what is sent
 * without waiting for it; what may be applied; and what the host should know about this member.
 */

import { assert } from "@conclave/base";
import type { ReplicaId } from "../ids.ts";
import type { HardState, LogEntry } from "../log/entry.ts";
import type { Effect, Envelope, MemberRole } from "./effect.ts";
import type { PersistedEvent } from "./event.ts";
import type { OutgoingMessage } from "./message.ts";
import { isInstalling, type RaftState } from "./state.ts";

export interface Output {
  readonly effects: Effect[];
  readonly sends: Envelope[];
  readonly entries: LogEntry[];
  readonly thenStep: PersistedEvent[];
  readonly thenSend: Envelope[];
  readonly hardStateBefore: HardState;
  /** A vote is written again, so that an answer waits for it. */
  isVoteRepeated: boolean;
}

export function beginOutput({ raftTerm, votedFor }: RaftState): Output {
  return {
    effects: [],
    sends: [],
    entries: [],
    thenStep: [],
    thenSend: [],
    hardStateBefore: { raftTerm, votedFor },
    isVoteRepeated: false,
  };
}

export function send(out: Output, to: ReplicaId, message: OutgoingMessage): void {
  out.sends.push({ to, message });
}

export function finishOutput(state: RaftState, out: Output): readonly Effect[] {
  const { effects } = out;
  addPersist(state, out);
  for (const envelope of out.sends) effects.push({ kind: "send", ...envelope });
  // What is committed elsewhere and not yet durable here waits: a snapshot of the state machine must
  // not get ahead of the log that it replaces.
  const to = Math.min(state.commitIndex, state.durableIndex);
  if (to > state.applyTo && !isInstalling(state)) {
    state.applyTo = to;
    effects.push({ kind: "apply", to });
  }
  addConfiguration(state, effects);
  addRole(state, effects);
  return effects;
}

function addPersist(state: RaftState, out: Output): void {
  const { raftTerm, votedFor, truncations } = state;
  const { entries, thenStep, thenSend, hardStateBefore: before } = out;
  const isSame = before.raftTerm === raftTerm && before.votedFor === votedFor;
  const hardState = isSame && !out.isVoteRepeated ? undefined : { raftTerm, votedFor };
  if (hardState === undefined && entries.length === 0) {
    assert(
      thenStep.length + thenSend.length === 0,
      "R7: what waits for a sync has something written",
    );
    return;
  }
  const last = entries.at(-1);
  if (last !== undefined) {
    thenStep.push({ kind: "entries-persisted", index: last.index, truncations });
  }
  out.effects.push({ kind: "persist", hardState, entries, thenStep, thenSend });
}

function addConfiguration(state: RaftState, effects: Effect[]): void {
  const { index, configuration } = state.configurations.inUse;
  const isCommitted = index <= state.commitIndex;
  const { told } = state;
  if (told.configurationIndex === index && told.isConfigurationCommitted === isCommitted) return;
  state.told = { ...told, configurationIndex: index, isConfigurationCommitted: isCommitted };
  effects.push({ kind: "configuration", index, configuration, isCommitted });
}

function addRole(state: RaftState, effects: Effect[]): void {
  const role = visibleRole(state);
  const before = state.told.role;
  const isSameKind = role.kind === before.kind && role.raftTerm === before.raftTerm;
  if (isSameKind && leaderOf(role) === leaderOf(before)) return;
  state.told = { ...state.told, role };
  effects.push({ kind: "role", role });
}

/** Until it is announced a leader's state machine lags behind what earlier leaders committed. */
function visibleRole({ raftTerm, role }: RaftState): MemberRole {
  if (role.kind === "leader" && role.isAnnounced) return { kind: "leader", raftTerm };
  const leader = role.kind === "follower" ? role.leader : undefined;
  return { kind: "follower", raftTerm, leader };
}

function leaderOf(role: MemberRole): ReplicaId | undefined {
  return role.kind === "follower" ? role.leader : undefined;
}
