// SPDX-License-Identifier: Apache-2.0
export type {
  CommittedEntry,
  ConfirmOutcome,
  Group,
  GroupListener,
  HostFailure,
  NotAppliedReason,
  ProposeOptions,
  ProposeOutcome,
  RestoredSnapshot,
  Role,
} from "./group.ts";
export {
  createHost,
  type Host,
  type HostLimits,
  type HostObserver,
  type HostOptions,
  type StartOutcome,
  type StartRefusal,
} from "./host.ts";
export type { GroupId, NodeId } from "./ids.ts";
export type { Disk, DiskFault, DiskFaultReason, DiskFile, DiskResult } from "./store/disk.ts";
