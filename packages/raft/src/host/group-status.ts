// SPDX-License-Identifier: Apache-2.0
/** What a member's state says of itself and of the others, in the words of a group's door. */

import type { MemberRole } from "../core/effect.ts";
import type { RaftState } from "../core/state.ts";
import type { GroupStatus, PeerStatus, Role } from "../group.ts";
import { nodeOf, type ReplicaId } from "../ids.ts";

export function roleOf(role: MemberRole): Role {
  if (role.kind === "leader") return role;
  const { kind, raftTerm, leader } = role;
  return { kind, raftTerm, leader: leader === undefined ? undefined : nodeOf(leader) };
}

/** @param state undefined: the group has not begun. */
export function statusOf(
  state: RaftState | undefined,
  role: Role,
  appliedIndex: number,
): GroupStatus {
  const configuration = state?.configurations.inUse.configuration;
  return {
    raftTerm: state?.raftTerm ?? 0,
    votedFor: state?.votedFor,
    role,
    commitIndex: state?.commitIndex ?? 0,
    appliedIndex,
    lastIndex: state?.log.last.index ?? 0,
    durableIndex: state?.durableIndex ?? 0,
    configuration: configuration ?? { voters: [], outgoing: [], learners: [] },
    peers: state === undefined ? [] : peersOf(state),
  };
}

/** The other members as the leader knows them; none where this one does not lead. */
function peersOf({ role, config, configurations }: RaftState): readonly PeerStatus[] {
  if (role.kind !== "leader") return [];
  const { voters, outgoing } = configurations.inUse.configuration;
  return [...role.progress].map(([replica, { matchIndex, silentTicks, flow }]) => ({
    replica,
    matchIndex,
    isActive: silentTicks < config.electionTicks.min,
    isLearner: !voters.includes(replica) && !outgoing.includes(replica),
    state: flow.kind,
  }));
}

/** The voter that has most of the log and is heard from; undefined where this one does not lead. */
export function mostAdvancedPeer(state: RaftState): ReplicaId | undefined {
  const { voters } = state.configurations.inUse.configuration;
  let best: PeerStatus | undefined;
  for (const peer of peersOf(state)) {
    if (!peer.isActive || !voters.includes(peer.replica)) continue;
    if (best === undefined || peer.matchIndex > best.matchIndex) best = peer;
  }
  return best?.replica;
}

/** Somebody who is heard from is being sent the newest snapshot. */
export function isSendingSnapshot(state: RaftState): boolean {
  return peersOf(state).some((peer) => peer.isActive && peer.state === "snapshot");
}
