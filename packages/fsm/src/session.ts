// SPDX-License-Identifier: Apache-2.0
/**
 * One session as a partition keeps it: its options, its candidacies, the answers it has not yet
 * acknowledged and its event streams (semantics A2, A3).
 *
 * It holds no deadline: the leader measures time, and the end of a session is a command.
 */

import type { Answers } from "./answers.ts";
import { createAnswers } from "./answers.ts";
import type { StreamMessage } from "./change.ts";
import type { Metadata, SessionId } from "./command.ts";
import type { Candidacy, Election } from "./election.ts";
import type { PrimitiveKey } from "./key.ts";

/** Whose numbers its commands carry; one session never mixes them. */
export type Numbering = "native" | "s0" | "s1";

export interface Session {
  readonly id: SessionId;
  readonly numbering: Numbering;
  readonly ttlMs: number;
  readonly graceMs: number;
  readonly labels: Metadata;
  readonly principal: string;
  /** The revision of its last gain or loss of office here, 0 before the first. */
  officeRevision: bigint;
  readonly candidacies: Set<Candidacy>;
  readonly answers: Answers;
  /** The primitives it has created and not closed, by the number of their creation. */
  readonly bound: Map<bigint, PrimitiveKey>;
  /** S0 event streams by id, the closed ones until they are acknowledged. */
  readonly streams: Map<number, EventStream>;
}

/** An S0 event stream: state, so that it goes on without a gap after a fail-over (schedule H). */
export interface EventStream {
  readonly session: Session;
  readonly streamId: number;
  /** The `index` of the command that opened it: streams of one election keep this order. */
  readonly openedIndex: bigint;
  /** Undefined once it is closed. */
  election: Election | undefined;
  lastResponseId: number;
  /** Those not acknowledged, oldest first, without gaps, ending at `lastResponseId`. */
  messages: StreamMessage[];
}

export interface SessionOptions {
  readonly id: SessionId;
  readonly numbering: Numbering;
  readonly ttlMs: number;
  readonly graceMs: number;
  readonly labels: Metadata;
  readonly principal: string;
}

export function createSession(options: SessionOptions): Session {
  return {
    ...options,
    officeRevision: 0n,
    candidacies: new Set(),
    answers: createAnswers(),
    bound: new Map(),
    streams: new Map(),
  };
}
