// SPDX-License-Identifier: Apache-2.0
/** Who the cluster is and where its leaders are, as every session is told it first and when it changes. */

import type { ClusterInfo } from "@conclave/api";
import type { ElectionNode } from "../replica/election-node.ts";

export function clusterInfoOf(node: ElectionNode): ClusterInfo {
  const { clusterId, partitionCount, node: number, version, urlScheme } = node.cluster;
  const members = node.members().map((member) => ({
    $typeName: "conclave.v1.Member" as const,
    node: member.node,
    url: `${urlScheme}://${member.address}`,
  }));
  const leaders = node.leaders().map((leader) => ({
    $typeName: "conclave.v1.PartitionLeader" as const,
    ...leader,
  }));
  const identity = { clusterId, partitionCount, node: number, version };
  return { $typeName: "conclave.v1.ClusterInfo", ...identity, members, leaders };
}
