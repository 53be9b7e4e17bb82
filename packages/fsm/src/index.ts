// SPDX-License-Identifier: Apache-2.0
export { isNewsS0 } from "./acknowledgements.ts";
export { apply } from "./apply.ts";
export type {
  Cause,
  Change,
  Moved,
  Placed,
  PrimitiveClosed,
  SessionEnded,
  SessionOpened,
  StreamMessage,
  Updated,
} from "./change.ts";
export type {
  AdminCommand,
  AdminOptions,
  CandidateCommand,
  CloseSession,
  Command,
  CommandId,
  Delete,
  Enter,
  ExpiredSession,
  ExpireSessions,
  InviteMember,
  LogEntry,
  MemberCommand,
  Metadata,
  OpenSession,
  PutMember,
  RaiseLevel,
  RemoveMember,
  SessionCommand,
  SetFirstMembers,
  Steer,
  UpdateMetadata,
  Withdraw,
} from "./command.ts";
export type {
  AcknowledgeS0,
  AcknowledgeS1,
  CallOrder,
  DialectCall,
  DialectCommand,
  DialectOperation,
  OpenIndexedSession,
  RestoredParticipant,
  RestoreLatch,
} from "./dialect-command.ts";
export { type DecodedEntry, decodeEntry, LEVEL_MAX } from "./entry-decoder.ts";
export { encodeEntry } from "./entry-encoder.ts";
export {
  createHistory,
  type History,
  type HistoryOptions,
  type ResumeQuery,
  type Resumption,
  recordChanges,
  resume,
} from "./history.ts";
export { assertPartitionValid } from "./invariants.ts";
export { keyText, type PrimitiveKey, type PrimitiveKind } from "./key.ts";
export { defaultLimits, type Limits } from "./limits.ts";
export type { InvitedMember, Member } from "./member.ts";
export { type NamespaceCount, namespacesAfter } from "./namespaces.ts";
export { createPartition, type PartitionState } from "./partition.ts";
export { leaderApart, leaderFirst, type PublishedTerm } from "./projection.ts";
export {
  type Acknowledged,
  acknowledgedBy,
  answerOf,
  checkFence,
  createdPrimitive,
  createdPrimitives,
  hasCreated,
  hasSession,
  type ListQuery,
  listKeys,
  numberingOf,
  officeRevisionOf,
  type SessionLease,
  type SessionTerms,
  type StrictNumbers,
  sessionOf,
  sessions,
  sessionTerms,
  streamMessages,
  strictNumbersOf,
  unchangedSince,
  viewOf,
} from "./read.ts";
export type {
  Applied,
  DialectDone,
  Done,
  MemberRefusal,
  MemberReply,
  RefusalReason,
  Refused,
  Reply,
} from "./reply.ts";
export { type DecodedReplies, decodeReplies, encodeReplies } from "./reply-codec.ts";
export { restoreCluster } from "./restore-cluster.ts";
export type { SessionId } from "./session-id.ts";
export { type Restored, restore } from "./snapshot-decoder.ts";
export { snapshot, stateHash } from "./snapshot-encoder.ts";
export { isName, isText, utf8Length } from "./text.ts";
export { undoChanges } from "./undo-changes.ts";
export { vacantFirst } from "./vacant-first.ts";
export { checkCommand } from "./validate.ts";
export type {
  CandidacyView,
  CandidateView,
  ElectionView,
  FenceView,
  PastView,
  SessionView,
  TermView,
} from "./view.ts";
