// SPDX-License-Identifier: Apache-2.0
/** Who and which: the two numbers that name a node of the cluster and a Raft group on it. */

/** A node of the cluster, 1 to 2^32 - 1; 0 stands for "nobody" in files and is never an id. */
export type NodeId = number;

/** A Raft group (a partition), 1 to 2^32 - 1; 0 marks a record that belongs to no group. */
export type GroupId = number;
