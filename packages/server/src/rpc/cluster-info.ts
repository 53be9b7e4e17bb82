// SPDX-License-Identifier: Apache-2.0
/** Who the cluster is, as every session is told it first. */

import type { ClusterInfo } from "@conclave/api";
import type { ClusterIdentity } from "../replica/election-node.ts";

export function clusterInfoOf(cluster: ClusterIdentity): ClusterInfo {
  const { clusterId, partitionCount, node, version } = cluster;
  const identity = { clusterId, partitionCount, node, version };
  return { $typeName: "conclave.v1.ClusterInfo", ...identity, members: [], leaders: [] };
}
