// SPDX-License-Identifier: Apache-2.0
/** What a command is answered with, one reply per command and in order. Types only. */

import type {
  Change,
  PrimitiveClosed,
  SessionEnded,
  SessionOpened,
  StreamMessage,
} from "./change.ts";
import type { ElectionVerb } from "./s1-input.ts";
import type { SessionId } from "./session-id.ts";
import type { TermView } from "./view.ts";

/** Everything that applying one entry has brought about. */
export interface Applied {
  readonly replies: readonly Reply[];
  readonly changes: readonly Change[];
  readonly sessionsOpened: readonly SessionOpened[];
  readonly sessionsEnded: readonly SessionEnded[];
  /** Those of sessions that live on; with a session all of its own are closed. */
  readonly primitivesClosed: readonly PrimitiveClosed[];
  readonly streamMessages: readonly StreamMessage[];
  /** The list of members is another one now. */
  readonly membersChanged: boolean;
}

export type Reply =
  | Done
  | DialectDone
  | Refused
  | {
      readonly kind: "session-opened";
      readonly sessionId: SessionId;
      /** The partition's counter of commands, as S0 and S1 know it. */
      readonly index: bigint;
      /** It was open before, under the same options. */
      readonly already: boolean;
    }
  /** `already`: it had ended before, or was never here. */
  | { readonly kind: "session-closed"; readonly index: bigint; readonly already: boolean }
  | { readonly kind: "sessions-expired"; readonly ended: number }
  | { readonly kind: "acknowledged"; readonly index: bigint }
  | { readonly kind: "level-raised"; readonly level: number }
  | MemberReply;

/** The answer to a change of the list of members. */
export type MemberReply =
  /** `already`: the list said so before. */
  | { readonly kind: "members-changed"; readonly already: boolean }
  | { readonly kind: "members-refused"; readonly reason: MemberRefusal };

export type MemberRefusal =
  /** The node is listed under another address. */
  | "member_exists"
  | "address_taken"
  | "too_many_members"
  | "no_such_member"
  /** There is no first list yet, so nobody can be added to it. */
  | "no_members"
  | "last_member";

/** The answer to a native command on an election, true at `revision`. */
export interface Done {
  readonly kind: "done";
  /** The partition's revision once the command was applied. */
  readonly revision: bigint;
  readonly term: bigint;
  /** Whether the candidate named in the command leads at `revision`, under the calling session. */
  readonly leading: boolean;
  readonly changed: boolean;
  /** The answer of an earlier execution, given again. */
  readonly replayed: boolean;
}

/** The answer to a call of a dialect. */
export interface DialectDone {
  readonly kind: "dialect-done";
  readonly index: bigint;
  readonly revision: bigint;
  readonly changed: boolean;
  readonly replayed: boolean;
  /** The number of the command that created the primitive: S1's primitive_id. 0 if there is none. */
  readonly primitiveId: bigint;
  readonly term: TermView;
  /** What was called; absent for what S1 does not call an operation of an election. */
  readonly verb?: ElectionVerb;
}

/** The command changed nothing. The same retry gets the same refusal. */
export interface Refused {
  readonly kind: "refused";
  readonly reason: RefusalReason;
  /** For `invalid_field`, its path inside the command. */
  readonly field?: string;
  /** For `invalid_field`, what it must keep to. */
  readonly bound?: string;
  /** For `revision_mismatch`, the revision of the election. */
  readonly revision?: bigint;
}

export type RefusalReason =
  | "invalid_field"
  | "not_a_candidate"
  | "held_by_another_session"
  | "revision_mismatch"
  | "session_ended"
  | "session_unknown"
  | "session_mismatch"
  | "already_answered"
  | "too_many_unacknowledged"
  | "request_id_reused"
  | "too_many_candidates"
  | "too_many_elections"
  | "too_many_sessions"
  | "metadata_full"
  | "no_such_election"
  /** S0: a number before this one is missing. The leader waits for it, or voids it. */
  | "out_of_order"
  /** S0, S1: the session has not created the primitive, or has closed it. */
  | "not_created"
  /** A dialect's Enter of a name that another principal's session holds. */
  | "permission_denied"
  | "too_many_streams"
  /** S4 Restore: the term, the leader or the list cannot be. */
  | "invalid_restore";
