// SPDX-License-Identifier: Apache-2.0
export type { RaftMessage } from "./core/message.ts";
export type {
  ChangeOutcome,
  CommittedEntry,
  ConfirmOutcome,
  Group,
  GroupListener,
  GroupStatus,
  HostFailure,
  Membership,
  NotAppliedReason,
  PeerStatus,
  ProposeOptions,
  ProposeOutcome,
  RestoredSnapshot,
  Role,
} from "./group.ts";
export type { HostLimits } from "./host/limits.ts";
export type { StartOutcome, StartRefusal } from "./host/start-refusal.ts";
export {
  createHost,
  type Host,
  type HostObserver,
  type HostOptions,
} from "./host.ts";
export {
  type GroupId,
  incarnationOf,
  type NodeId,
  nodeOf,
  type ReplicaId,
  replicaIdOf,
} from "./ids.ts";
export type { Configuration } from "./log/configuration.ts";
export type { LogEntry } from "./log/entry.ts";
export type { Disk, DiskFault, DiskFaultReason, DiskFile, DiskResult } from "./store/disk.ts";
export {
  type InitialOptions,
  type InitialOutcome,
  type InitialState,
  writeInitialSnapshots,
} from "./store/initial-snapshots.ts";
export type { GroupMessage, Transport } from "./transport.ts";
