// SPDX-License-Identifier: Apache-2.0
/**
 * Changes of a group's members by joint consensus (Raft section 6, thesis 4.3).
 *
 * From the moment the joint configuration stands in a log, elections and commits need a majority of
 * the old voters and one of the new; once it has committed the leader appends the new one alone.
 */

import { assert } from "@conclave/base";
import type { ReplicaId } from "../ids.ts";
import { type Configuration, encodeConfiguration, isJoint } from "../log/configuration.ts";
import { jointVote } from "../quorum/joint.ts";
import type { ChangeRefusal, RaftEvent } from "./event.ts";
import { appendAsLeader } from "./leader-log.ts";
import type { Output } from "./output.ts";
import { createProgress } from "./progress.ts";
import { replicateToAll } from "./sending.ts";
import { type Leadership, otherMembers, type RaftState } from "./state.ts";

type Change = Extract<RaftEvent, { readonly kind: "change-configuration" }>;

export function changeConfiguration(state: RaftState, out: Output, wished: Change): void {
  const { role } = state;
  const { change } = wished;
  const reason = refusalOf(state, wished);
  if (reason !== undefined || role.kind !== "leader") {
    out.effects.push({ kind: "change-refused", change, reason: reason ?? "not-leader" });
    return;
  }
  const { voters, learners } = wished;
  const { configuration } = state.configurations.inUse;
  const isSameVoters = isSameSet(voters, configuration.voters);
  const outgoing = isSameVoters ? [] : configuration.voters;
  const index = use(state, role, out, { voters, outgoing, learners });
  out.effects.push({ kind: "change-begun", change, index });
  replicateToAll(state, role, out);
}

/** The joint configuration has committed, here or under a leader before: the new one stands alone. */
export function leaveJoint(state: RaftState, leadership: Leadership, out: Output): void {
  const { index, configuration } = state.configurations.inUse;
  if (!isJoint(configuration) || index > state.commitIndex) return;
  const { voters, learners } = configuration;
  use(state, leadership, out, { voters, outgoing: [], learners });
}

function refusalOf(state: RaftState, { voters, learners }: Change): ChangeRefusal | undefined {
  const { role, configurations, commitIndex, config } = state;
  if (role.kind !== "leader" || role.transfer !== undefined) return "not-leader";
  // A leader that has committed nothing of its own may not know of a change that has committed
  // before it; a second one beside it could make two majorities that share nobody (Ongaro, 2015).
  if (commitIndex < role.termStartIndex) return "raft-term-too-young";
  const { index, configuration } = configurations.inUse;
  if (isJoint(configuration) || index > commitIndex) return "change-under-way";
  const isSameVoters = isSameSet(voters, configuration.voters);
  if (isSameVoters && isSameSet(learners, configuration.learners)) return "unchanged";
  const isThere = (replica: ReplicaId): boolean => {
    const silentTicks = role.progress.get(replica)?.silentTicks ?? Number.POSITIVE_INFINITY;
    return replica === config.replica || silentTicks <= config.electionTicks.min;
  };
  const joint = { voters, outgoing: configuration.voters };
  const isKept = voters.length > 0 && jointVote(joint, isThere) === "won";
  return isKept ? undefined : "would-lose-quorum";
}

function use(
  state: RaftState,
  leadership: Leadership,
  out: Output,
  configuration: Configuration,
): number {
  const { configurations, commitIndex, config } = state;
  const isAlone = configurations.inUse.index <= commitIndex;
  assert(isAlone, "R14: one change at a time, the next when the last has committed");
  assert(commitIndex >= leadership.termStartIndex, "R14: no change before an own entry's commit");
  const bytes = encodeConfiguration(configuration);
  const index = appendAsLeader(state, out, "configuration", bytes);
  configurations.append(index, configuration);
  const members = otherMembers(state);
  for (const replica of members) {
    if (leadership.progress.has(replica)) continue;
    // Whoever has never been heard does not count as being there.
    leadership.progress.set(replica, createProgress(index, config.electionTicks.min + 1));
  }
  for (const replica of leadership.progress.keys()) {
    if (!members.includes(replica)) leadership.progress.delete(replica);
  }
  return index;
}

function isSameSet(a: readonly ReplicaId[], b: readonly ReplicaId[]): boolean {
  return a.length === b.length && a.every((replica) => b.includes(replica));
}
