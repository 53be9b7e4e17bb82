// SPDX-License-Identifier: Apache-2.0
export {
  type ClusterIdentity,
  createElectionNode,
  type ElectionNode,
  type ElectionNodeOptions,
} from "./replica/election-node.ts";
export { raftLogs } from "./replica/raft-log.ts";
export type {
  CommittedEntry,
  ConfirmOutcome,
  LogListener,
  LogRole,
  LogSnapshot,
  OpenLog,
  ProposalOptions,
  ProposalRefusal,
  ProposeOutcome,
  ReplicatedLog,
} from "./replica/replicated-log.ts";
export { type Connection, connectionKey } from "./rpc/connection-context.ts";
export { type NativeServicesOptions, registerNativeServices } from "./rpc/native-services.ts";
