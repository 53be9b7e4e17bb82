// SPDX-License-Identifier: Apache-2.0
/** Who and which: the numbers that name a node, one life of its directory, and a Raft group on it. */

/** A node of the cluster, 1 to 65,535. */
export type NodeId = number;

/** A Raft group (a partition), 1 to 2^32 - 1; 0 marks a record that belongs to no group. */
export type GroupId = number;

/**
 * A member of a group: a node together with the incarnation of its data directory, so that a node
 * whose disk was wiped is somebody else and cannot break what it promised before.
 *
 * A safe integer, `node * 2^32 + incarnation`; the algorithm compares it and knows nothing of its parts.
 */
export type ReplicaId = number;

const INCARNATIONS = 2 ** 32;

/** @param incarnation 0 for the members of a cluster's first start, 1 to 2^32 - 1 for any later directory. */
export function replicaIdOf(node: NodeId, incarnation: number): ReplicaId {
  return node * INCARNATIONS + incarnation;
}

export function nodeOf(replica: ReplicaId): NodeId {
  return Math.floor(replica / INCARNATIONS);
}

export function incarnationOf(replica: ReplicaId): number {
  return replica % INCARNATIONS;
}
