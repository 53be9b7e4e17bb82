// SPDX-License-Identifier: Apache-2.0
/**
 * The cluster put together from what each of its nodes says of itself: who leads what, who lags, and
 * how many failures are left. Pure; the nodes' answers come from poll.ts.
 */

import type { ClusterPartition, ClusterStatus } from "@conclave/client/cluster";

export interface ClusterPicture {
  /** What the node that the page is connected to says. */
  readonly base: ClusterStatus;
  /** What each member says of itself; null for those that gave no answer, old ones among them. */
  readonly byNode: ReadonlyMap<number, ClusterStatus | null>;
  /** When it was taken, by this page's clock, Unix milliseconds. */
  readonly atMs: number;
}

export type Role = "leader" | "follower" | "learner" | "leaving" | "unreachable" | "none";

export interface Cell {
  readonly node: number;
  readonly role: Role;
  /** Entries behind the partition's leader; null: not known. */
  readonly lag: bigint | null;
  /** The leader sends it a whole snapshot, because its log does not reach back far enough. */
  readonly takesSnapshot: boolean;
  readonly appliedIndex: bigint | null;
}

export interface PartitionRow {
  readonly partition: number;
  /** Null: no node that answered knows one. */
  readonly leader: number | null;
  readonly raftTerm: bigint;
  readonly commitIndex: bigint;
  readonly appliedIndex: bigint;
  readonly revision: bigint;
  /** In the order of the members. */
  readonly cells: readonly Cell[];
  readonly margin: Margin;
}

/** How far a partition is from losing its quorum. */
interface Margin {
  readonly voters: number;
  readonly reachable: number;
  /** How many of them a decision takes. */
  readonly needed: number;
  /** How many more may fail; below zero there is no quorum now. */
  readonly spare: number;
}

export function partitionRows(picture: ClusterPicture): readonly PartitionRow[] {
  return picture.base.partitions.map(({ partition }) => partitionRow(picture, partition));
}

function partitionRow(picture: ClusterPicture, partition: number): PartitionRow {
  const newest = newestOf(picture, partition);
  const leader = newest.leader;
  const leading = leader === null ? undefined : partitionOf(picture, leader, partition);
  const { raftTerm, commitIndex, appliedIndex, revision } = leading ?? newest;
  const cells = picture.base.members.map(({ node }) => cellOf(picture, newest, node));
  const margin = marginOf(newest, (node) => isReachable(picture, node));
  return { partition, leader, raftTerm, commitIndex, appliedIndex, revision, cells, margin };
}

/** What is known in the highest Raft term, and there by who knows the leader. */
function newestOf(picture: ClusterPicture, partition: number): ClusterPartition {
  const { base, byNode } = picture;
  const told = [base, ...byNode.values()].flatMap((status) =>
    (status?.partitions ?? []).filter((known) => known.partition === partition),
  );
  return told.reduce((best, known) => {
    if (known.raftTerm !== best.raftTerm) return known.raftTerm > best.raftTerm ? known : best;
    return best.leader === null ? known : best;
  });
}

function partitionOf(
  picture: ClusterPicture,
  node: number,
  partition: number,
): ClusterPartition | undefined {
  const status = picture.byNode.get(node);
  return status?.partitions.find((known) => known.partition === partition);
}

function cellOf(picture: ClusterPicture, known: ClusterPartition, node: number): Cell {
  const own = partitionOf(picture, node, known.partition);
  const leading =
    known.leader === null ? undefined : partitionOf(picture, known.leader, known.partition);
  const peer = leading?.peers.find((other) => other.node === node);
  const isLeader = known.leader === node;
  return {
    node,
    role: roleOf(picture, known, node),
    lag: isLeader ? 0n : (peer?.lag ?? null),
    takesSnapshot: peer?.state === "snapshot",
    appliedIndex: own?.appliedIndex ?? null,
  };
}

function roleOf(picture: ClusterPicture, known: ClusterPartition, node: number): Role {
  const { voters, outgoing, learners } = known;
  const isVoter = voters.includes(node);
  if (!isVoter && !outgoing.includes(node) && !learners.includes(node)) return "none";
  if (!isReachable(picture, node)) return "unreachable";
  if (known.leader === node) return "leader";
  if (isVoter) return "follower";
  return learners.includes(node) ? "learner" : "leaving";
}

function isReachable(picture: ClusterPicture, node: number): boolean {
  const member = picture.base.members.find((known) => known.node === node);
  return member !== undefined && (member.isSelf || member.isConnected);
}

/** While members change, both the old and the new voters must agree: the worse of the two counts. */
function marginOf(known: ClusterPartition, isUp: (node: number) => boolean): Margin {
  const { voters, outgoing } = known;
  const margins = [voters, outgoing]
    .filter((group) => group.length > 0)
    .map((group) => {
      const needed = Math.floor(group.length / 2) + 1;
      const reachable = group.filter(isUp).length;
      return { voters: group.length, reachable, needed, spare: reachable - needed };
    });
  const none: Margin = { voters: 0, reachable: 0, needed: 1, spare: -1 };
  return margins.length === 0 ? none : margins.reduce((a, b) => (b.spare < a.spare ? b : a));
}

/** The smallest margin of all partitions, in words for the head of the screen. */
export function marginText(rows: readonly PartitionRow[]): { tone: MarginTone; text: string } {
  const [first, ...others] = rows.map((row) => row.margin);
  if (first === undefined) return { tone: "unknown", text: "This node knows no partition." };
  const { spare, voters, reachable, needed } = others.reduce(
    (a, b) => (b.spare < a.spare ? b : a),
    first,
  );
  const lost = rows.filter((row) => row.margin.spare < 0);
  const votes = `${reachable} of ${voters} voters can be reached`;
  if (spare < 0) {
    const where = lost.length === rows.length ? "" : ` in partition ${listOf(lost)}`;
    return { tone: "bad", text: `No quorum${where}: ${votes}, ${needed} are needed.` };
  }
  if (spare === 0)
    return { tone: "warning", text: `1 failure away from losing the quorum: ${votes}.` };
  return {
    tone: "good",
    text: `${spare + 1} failures away from losing the quorum: ${votes}.`,
  };
}

export type MarginTone = "good" | "warning" | "bad" | "unknown";

function listOf(rows: readonly PartitionRow[]): string {
  return rows.map((row) => row.partition).join(", ");
}

/** What the versions of the members' software say; empty where none is known. */
export function versionText(picture: ClusterPicture): string {
  const known = picture.base.members.filter((member) => member.version !== "");
  const versions = [...new Set(known.map((member) => member.version))].sort();
  if (versions.length <= 1) return versions.length === 0 ? "" : `All nodes run ${versions[0]}.`;
  const who = versions.map((version) => {
    const nodes = known.filter((member) => member.version === version).map((member) => member.node);
    return `${version} on ${nodes.join(", ")}`;
  });
  return `Versions differ: ${who.join("; ")}.`;
}
