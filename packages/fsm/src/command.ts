// SPDX-License-Identifier: Apache-2.0
/**
 * What a log entry asks of a partition, as the native API knows it. Types only.
 *
 * The forms that the older dialects need stand in dialect-command.ts.
 */

import type { DialectCommand } from "./dialect-command.ts";
import type { PrimitiveKey } from "./key.ts";
import type { InvitedMember, Member } from "./member.ts";
import type { SessionId } from "./session-id.ts";

/** Free text of a candidate. Its order never matters; it is encoded in the order of its keys. */
export type Metadata = ReadonlyMap<string, string>;

/** One entry of the log: commands that are applied in order and at one time. */
export interface LogEntry {
  /** The proposer's wall clock in Unix milliseconds. For showing; clamped to be non-decreasing. */
  readonly timeMs: number;
  readonly commands: readonly Command[];
}

/** Which command of which session this is, so that a retry is answered and not executed again. */
export interface CommandId {
  readonly sessionId: SessionId;
  /** Unique in the session, from 1. */
  readonly number: number;
  /** Every number up to this one has been answered to the client. Below `number`. */
  readonly acknowledged: number;
}

/** What may come with an operator's command. */
export interface AdminOptions {
  /** Refused with `revision_mismatch` unless the election itself is at this revision. */
  readonly ifRevision?: bigint;
  /** Kept with the change and shown to watchers; may be empty. */
  readonly reason: string;
  /** Makes a retry idempotent: the same id with the same content gets the same answer. */
  readonly requestId?: string;
}

export type Command =
  | SessionCommand
  | CandidateCommand
  | AdminCommand
  | DialectCommand
  | MemberCommand
  | RaiseLevel;

export type SessionCommand = OpenSession | CloseSession | ExpireSessions;

/** Registers a session on this partition. Idempotent for equal options. */
export interface OpenSession {
  readonly kind: "open-session";
  readonly sessionId: SessionId;
  readonly ttlMs: number;
  /** 0: the end of its connection means nothing, the TTL alone decides. At most the TTL. */
  readonly graceMs: number;
  readonly labels: Metadata;
  /** Who opened it, where authentication is on; absent means nobody in particular. */
  readonly principal?: string;
}

/** Ends a session here, by its own will. */
export interface CloseSession {
  readonly kind: "close-session";
  readonly sessionId: SessionId;
}

/** Ends sessions whose deadline the leader saw pass. Unknown ones are passed over. */
export interface ExpireSessions {
  readonly kind: "expire-sessions";
  readonly sessions: readonly ExpiredSession[];
}

export interface ExpiredSession {
  readonly sessionId: SessionId;
  readonly cause: "expired" | "disconnected";
}

export type CandidateCommand = Enter | Withdraw | UpdateMetadata;

/** Appends a candidate; under its own session again, only the metadata is taken. */
export interface Enter {
  readonly kind: "enter";
  readonly key: PrimitiveKey;
  readonly candidate: string;
  readonly metadata: Metadata;
  /** Takes the candidacy over, in place, when another session holds the name. */
  readonly takeover: boolean;
  readonly id: CommandId;
}

/** Takes the session's own candidate out. */
export interface Withdraw {
  readonly kind: "withdraw";
  readonly key: PrimitiveKey;
  readonly candidate: string;
  readonly id: CommandId;
}

export interface UpdateMetadata {
  readonly kind: "update-metadata";
  readonly key: PrimitiveKey;
  readonly candidate: string;
  readonly metadata: Metadata;
  readonly id: CommandId;
}

export type AdminCommand = Steer | Delete;

/** The operator's verbs on one candidate, whoever holds it. */
export interface Steer {
  readonly kind: "anoint" | "promote" | "demote" | "evict";
  readonly key: PrimitiveKey;
  readonly candidate: string;
  readonly options: AdminOptions;
}

/** Removes an election with all its candidates. Its terms are never issued again. */
export interface Delete {
  readonly kind: "delete";
  readonly key: PrimitiveKey;
  readonly options: AdminOptions;
}

/** Allows the kinds of entry of a level, once every member understands them. Never falls. */
export interface RaiseLevel {
  readonly kind: "raise-level";
  readonly level: number;
}

/** What changes the list of members; for partition 1 only. */
export type MemberCommand = SetFirstMembers | InviteMember | PutMember | RemoveMember;

/** The list of the first start. Does nothing where there is a list. */
export interface SetFirstMembers {
  readonly kind: "set-first-members";
  readonly members: readonly Member[];
}

/** Makes room for a node that an operator expects; it joins when it reports in. */
export interface InviteMember extends InvitedMember {
  readonly kind: "invite-member";
}

/** A node has reported in: takes the place of its earlier incarnation, if there is one. */
export interface PutMember extends Member {
  readonly kind: "put-member";
}

export interface RemoveMember {
  readonly kind: "remove-member";
  readonly node: number;
}
