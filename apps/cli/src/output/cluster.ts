// SPDX-License-Identifier: Apache-2.0
/** The cluster's state for people, and for programs: see json.ts for what holds of the latter. */

import type {
  ClusterMember,
  ClusterPartition,
  ClusterPeer,
  ClusterStatus,
} from "@conclave/client/cluster";
import type { Colors } from "./colors.ts";
import type { Json } from "./json.ts";
import { table } from "./tables.ts";

/** Who belongs to it, a row each, and below the partitions. */
export function statusTables(status: ClusterStatus, colors: Colors): string {
  const { clusterId, node, members, partitions } = status;
  const head = `cluster ${colors.bold(clusterId.slice(0, 16))}  as node ${node} knows it`;
  const memberRows = members.map((member) => [
    `${member.node}${member.isSelf ? "*" : ""}`,
    member.address,
    stateOf(member, colors),
    member.version,
    incarnationText(member),
    String(partitions.filter(({ leader }) => leader === member.node).length),
  ]);
  const partitionRows = partitions.map((partition) => [
    String(partition.partition),
    partition.leader === null ? colors.yellow("none") : String(partition.leader),
    String(partition.raftTerm),
    String(partition.appliedIndex),
    votersText(partition),
    lagText(partition),
    changeText(partition, colors),
  ]);
  return [
    head,
    "",
    table(["NODE", "ADDRESS", "STATE", "VERSION", "INCARNATION", "LEADS"], memberRows, colors),
    "",
    table(
      ["PARTITION", "LEADER", "RAFT TERM", "APPLIED", "VOTERS", "LAG", "MEMBERS"],
      partitionRows,
      colors,
    ),
  ].join("\n");
}

/** Everything that the node said. */
export function statusToJson(status: ClusterStatus): { readonly [field: string]: Json } {
  return {
    clusterId: status.clusterId,
    node: status.node,
    version: status.version,
    members: status.members.map((member) => ({ ...member })),
    partitions: status.partitions.map(partitionToJson),
  };
}

function partitionToJson({ peers, ...partition }: ClusterPartition): Json {
  return { ...partition, peers: peers.map((peer) => ({ ...peer })) };
}

function stateOf({ incarnation, isConnected }: ClusterMember, colors: Colors): string {
  if (incarnation === null) return colors.yellow("invited");
  return isConnected ? colors.green("connected") : colors.red("not heard");
}

/** Most are 0, the first start's; a later directory shows as a number that people can compare. */
function incarnationText({ incarnation }: ClusterMember): string {
  if (incarnation === null) return "-";
  return incarnation === 0 ? "0" : incarnation.toString(16).padStart(8, "0");
}

function votersText({ voters, learners, outgoing }: ClusterPartition): string {
  const joint = outgoing.length > 0 ? ` (was ${outgoing.join(",")})` : "";
  const learning = learners.length > 0 ? ` +${learners.join(",+")}` : "";
  return `${voters.join(",")}${joint}${learning}`;
}

function lagText({ peers }: ClusterPartition): string {
  const behind = peers.filter(({ isActive, lag }) => !isActive || lag > 0n);
  return behind.map(peerText).join(" ");
}

function peerText({ node, isActive, lag, state }: ClusterPeer): string {
  if (!isActive) return `${node}:silent`;
  return state === "snapshot" ? `${node}:snapshot` : `${node}:${lag}`;
}

function changeText({ hasOldConfiguration }: ClusterPartition, colors: Colors): string {
  return hasOldConfiguration ? colors.yellow("changing") : "";
}
