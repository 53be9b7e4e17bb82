// SPDX-License-Identifier: Apache-2.0
/**
 * What the older dialects S0 to S4 ask of a partition (semantics A1, A3, A5). Types only.
 *
 * Their verbs succeed silently where the native ones refuse, an Enter re-binds the name to the
 * calling session, and a Withdraw goes by name whoever asks.
 */

import type { PrimitiveKey } from "./key.ts";
import type { SessionId } from "./session-id.ts";

export type DialectCommand = OpenIndexedSession | DialectCall | AcknowledgeS0 | AcknowledgeS1;

/** Opens a session whose id is the partition's `index`, as clients of S0 and S1 expect. */
export interface OpenIndexedSession {
  readonly kind: "open-indexed-session";
  /** Which order of calls the session keeps; a call of another order is refused. */
  readonly dialect: "s0" | "s1";
  readonly ttlMs: number;
  readonly principal?: string;
}

/** One call of a dialect's client, under the session it belongs to. */
export interface DialectCall {
  readonly kind: "dialect-call";
  /**
   * 0: nobody's. Verbs that go by name whoever asks (withdraw, anoint, promote, demote, evict,
   * delete) need no session where their order is free, nor do create and restore, which then bind
   * none.
   */
  readonly sessionId: SessionId;
  readonly order: CallOrder;
  readonly operation: DialectOperation;
}

export type CallOrder =
  /** S2, S3, and S0 with request_id 0: executed whenever it comes. */
  | { readonly kind: "free" }
  /** S4 with a request_id: at most once per (session, primitive, number). */
  | { readonly kind: "once"; readonly number: bigint }
  /**
   * S0: executed strictly in order from 1. `voidThrough` gives up the numbers at or below it that
   * never came; they are refused for ever.
   */
  | { readonly kind: "strict"; readonly number: number; readonly voidThrough?: number }
  /** S1: each number once, in the order of the log. */
  | { readonly kind: "set"; readonly number: number };

export type DialectOperation =
  /** Binds the session to the primitive, which comes to exist. */
  | { readonly kind: "create"; readonly key: PrimitiveKey }
  /** Unbinds it: its candidacies there leave at once. */
  | { readonly kind: "close"; readonly key: PrimitiveKey }
  /** Deletes it for everybody; `changed` in the reply tells whether there was anything. */
  | { readonly kind: "delete"; readonly key: PrimitiveKey }
  /**
   * Does nothing under its number: a Create or Close of a primitive that is not at home here, which
   * S0 and S1 may send to every partition.
   */
  | { readonly kind: "pass"; readonly key: PrimitiveKey }
  | {
      readonly kind: "enter" | "withdraw" | "anoint" | "promote" | "demote" | "evict";
      readonly key: PrimitiveKey;
      readonly candidate: string;
    }
  /** S0: opens an event stream whose id is the call's number. */
  | { readonly kind: "events"; readonly key: PrimitiveKey }
  | RestoreLatch;

/** S4: replaces the list and raises the term. */
export interface RestoreLatch {
  readonly kind: "restore";
  readonly key: PrimitiveKey;
  readonly term: bigint;
  /** Absent: vacant. Else the first participant. */
  readonly leader?: string;
  readonly participants: readonly RestoredParticipant[];
}

export interface RestoredParticipant {
  readonly candidate: string;
  /** The session that it gets unless one already holds the name; opened here when it is not. */
  readonly sessionId: SessionId;
  readonly ttlMs: number;
}

/** What an S0 KeepAlive acknowledges: answers, and the events of streams still open. */
export interface AcknowledgeS0 {
  readonly kind: "acknowledge-s0";
  readonly sessionId: SessionId;
  /** Answers up to this number are forgotten; streams up to it that are not listed are closed. */
  readonly number: number;
  readonly streams: readonly { readonly streamId: number; readonly responseId: number }[];
}

/** What an S1 KeepAlive acknowledges, with its filter already read. */
export interface AcknowledgeS1 {
  readonly kind: "acknowledge-s1";
  readonly sessionId: SessionId;
  /** Numbers up to this one that are not in `open` are answered and never executed again. */
  readonly number: number;
  readonly open: readonly number[];
}
