// SPDX-License-Identifier: Apache-2.0
/** What this node knows of its cluster, as conclave.cluster.v1.StatusResponse. */

import { create } from "@bufbuild/protobuf";
import { PeerState, type StatusResponse, StatusResponseSchema } from "@conclave/api/cluster";
import { stateHash } from "@conclave/fsm";
import { incarnationOf, nodeOf } from "@conclave/raft";
import type { ElectionNode } from "../replica/election-node.ts";
import type { LogPeer, LogStatus, MembershipLog } from "../replica/membership-log.ts";
import { isSettled } from "../replica/membership-step.ts";

/** Another node, as seen from this one. */
interface Neighbour {
  readonly node: number;
  readonly isConnected: boolean;
  readonly version: string;
}

export interface StatusSource {
  readonly node: ElectionNode;
  /** Of the partitions, 1 to N, in order. */
  readonly logs: readonly MembershipLog[];
  readonly neighbours: () => readonly Neighbour[];
}

export function clusterStatus(source: StatusSource, includeHash: boolean): StatusResponse {
  const { node, logs } = source;
  const { clusterId, version } = node.cluster;
  return create(StatusResponseSchema, {
    clusterId,
    node: node.cluster.node,
    version,
    members: membersOf(source),
    partitions: logs.map((log, i) => partitionOf(node, i + 1, log.status(), includeHash)),
  });
}

function membersOf({ node, neighbours }: StatusSource) {
  const self = node.cluster.node;
  const known = new Map(neighbours().map((neighbour) => [neighbour.node, neighbour]));
  const members = [...node.members(), ...node.partition(1).state.invited];
  return members
    .toSorted((a, b) => a.node - b.node)
    .map((member) => {
      const neighbour = known.get(member.node);
      const isSelf = member.node === self;
      const isConnected = isSelf || neighbour?.isConnected === true;
      const version = isSelf ? node.cluster.version : (neighbour?.version ?? "");
      return { ...member, isSelf, isConnected, version: isConnected ? version : "" };
    });
}

function partitionOf(node: ElectionNode, number: number, status: LogStatus, includeHash: boolean) {
  const { state } = node.partition(number);
  const { configuration } = status;
  return {
    partition: number,
    leader: node.leaders().find(({ partition }) => partition === number)?.node ?? 0,
    raftTerm: BigInt(status.raftTerm),
    commitIndex: BigInt(status.commitIndex),
    appliedIndex: BigInt(status.appliedIndex),
    lastIndex: BigInt(status.lastIndex),
    voters: nodesOf(configuration.voters),
    outgoing: nodesOf(configuration.outgoing),
    learners: nodesOf(configuration.learners),
    peers: status.peers.map((peer) => peerOf(status, peer)),
    hasOldConfiguration: !isSettled(configuration, node.members()),
    revision: state.revision,
    // Of the same turn as `appliedIndex`: nothing is applied in between.
    stateHash: includeHash ? stateHash(state) : 0n,
  };
}

const PEER_STATES: Readonly<Record<LogPeer["state"], PeerState>> = {
  probe: PeerState.PROBE,
  replicate: PeerState.REPLICATE,
  snapshot: PeerState.SNAPSHOT,
};

function peerOf({ lastIndex }: LogStatus, peer: LogPeer) {
  return {
    node: nodeOf(peer.replica),
    incarnation: incarnationOf(peer.replica),
    isActive: peer.isActive,
    lag: BigInt(Math.max(0, lastIndex - peer.matchIndex)),
    state: PEER_STATES[peer.state],
  };
}

function nodesOf(replicas: readonly number[]): number[] {
  return replicas.map(nodeOf).toSorted((a, b) => a - b);
}
