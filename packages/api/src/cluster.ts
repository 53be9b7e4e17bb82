// SPDX-License-Identifier: Apache-2.0
/** What operators ask of a cluster as a whole, conclave.cluster.v1. A list of names and nothing else. */

export {
  ClusterService,
  type ListNamespacesRequest,
  type ListNamespacesResponse,
  ListNamespacesResponseSchema,
  type ListSessionsRequest,
  type ListSessionsResponse,
  ListSessionsResponseSchema,
  type Member,
  type Partition,
  type Peer,
  PeerState,
  type SaveSnapshotResponse,
  SaveSnapshotResponseSchema,
  type SessionInfo,
  SessionInfoSchema,
  type StatusRequest,
  type StatusResponse,
  StatusResponseSchema,
} from "./gen/conclave/cluster/v1/cluster_pb.ts";
