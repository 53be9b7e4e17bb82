// SPDX-License-Identifier: Apache-2.0
/** What a shell needs to run a node on a platform of its own: the machine, or a simulated world. */

export type {
  PeerDialer,
  PeerIntroducer,
} from "../peer/peer-dialer.ts";
export type { PeerMesh } from "../peer/peer-mesh.ts";
export { readStates } from "../replica/backup.ts";
export type { NodeObserver } from "../replica/node-observer.ts";
export type { Introduction, JoinOutcome, JoinRequest } from "../wire/introduction.ts";
export type { ListedMember } from "./cluster-id.ts";
export type { ClusterMember, PartitionLog } from "./cluster-member.ts";
export {
  type DataDirectory,
  type DirectoryFault,
  type OpenDirectory,
  openDirectory,
} from "./data-directory.ts";
export type { NodeIdentity } from "./identity.ts";
export type { MemberFailure, MemberFailureReason } from "./member-failure.ts";
export type {
  MemberChance,
  MemberLimits,
  MemberObserver,
  MemberOptions,
  MemberPlatform,
} from "./member-platform.ts";
export { createMemoryDirectory, type MemoryDirectory } from "./memory-directory.ts";
export { restoreInto } from "./restored-directory.ts";
export { createMember, type MemberEvents, type RunningMember } from "./running-member.ts";
