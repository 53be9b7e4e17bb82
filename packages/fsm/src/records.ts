// SPDX-License-Identifier: Apache-2.0
/**
 * What a partition keeps of elections, candidacies, sessions and streams, which know each other. Types
 * only: what may be done to them stands in election.ts, session.ts and event-stream.ts.
 */

import type { Answers } from "./answers.ts";
import type { StreamMessage } from "./change.ts";
import type { Metadata } from "./command.ts";
import type { PrimitiveKey } from "./key.ts";
import type { SessionId } from "./session-id.ts";
import type { CandidateView, TermView } from "./view.ts";

export interface Election {
  readonly key: PrimitiveKey;
  readonly text: string;
  /** The `index` of the command that created it; S1 knows it as primitive_id. */
  readonly createdIndex: bigint;
  /** The partition's revision at its creation: watchers from before may have missed a deletion. */
  readonly createdRevision: bigint;
  /** The revision of its last change, 0 before the first. */
  revision: bigint;
  term: bigint;
  /** Whether it has been led since its creation; only then the dialects see its term. */
  isLed: boolean;
  sinceMs: number | undefined;
  changedMs: number | undefined;
  readonly queue: Candidacy[];
  /** Present only while the queue is long. */
  byName: Map<string, Candidacy> | undefined;
  metadataBytes: number;
  /** The sessions that have created and not closed it; absent for none. Such a one is never folded. */
  boundBy: Set<Session> | undefined;
  /** The `index` since which it has been vacant and unbound. */
  idleIndex: bigint;
  /** S0 event streams that follow it, in the order in which they were opened. */
  readonly streams: EventStream[];
  /** What the dialects see, built when asked for and dropped at each change. */
  termView: TermView | undefined;
}

/** A place in the list of one election. */
export interface Candidacy {
  readonly election: Election;
  session: Session;
  /** Replaced, never changed: changes and replies hold on to it. */
  view: CandidateView;
}

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
