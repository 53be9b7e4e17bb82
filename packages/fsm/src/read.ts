// SPDX-License-Identifier: Apache-2.0
/** Reads of a partition. None of them changes it, and what they answer stays as it was. */

import { boundElections, isBound } from "./binding.ts";
import type { StreamMessage } from "./change.ts";
import type { Metadata } from "./command.ts";
import { findElection } from "./directory.ts";
import { keyText, type PrimitiveKey, type PrimitiveKind } from "./key.ts";
import type { PartitionState } from "./partition.ts";
import type { Candidacy, Election, Numbering, Session } from "./records.ts";
import type { Reply } from "./reply.ts";
import type { SessionId } from "./session-id.ts";
import { textsFrom } from "./sorted-texts.ts";
import type { CandidacyView, ElectionView, FenceView, SessionView } from "./view.ts";

/** One election, or undefined where it does not exist. */
export function viewOf(state: PartitionState, key: PrimitiveKey): ElectionView | undefined {
  const election = findElection(state, key);
  return election && electionView(state, election);
}

export interface ListQuery {
  readonly kind: PrimitiveKind;
  readonly namespace: string;
  /** Names that begin so; empty for all. */
  readonly prefix: string;
  /** The name after which the page begins; absent for the first page. */
  readonly after?: string;
  readonly limit: number;
}

/** Keys in the order of their names by UTF-16 code units. Costs the length of the page. */
export function listKeys(state: PartitionState, query: ListQuery): readonly PrimitiveKey[] {
  const { kind, namespace, prefix, after, limit } = query;
  const start = keyText({ kind, namespace, name: prefix });
  const last = after === undefined ? undefined : keyText({ kind, namespace, name: after });
  const keys: PrimitiveKey[] = [];
  if (limit <= 0) return keys;
  for (const text of textsFrom(state.keys, last !== undefined && last > start ? last : start)) {
    if (!text.startsWith(start)) break;
    if (text === last) continue;
    keys.push(state.elections.get(text)!.key);
    if (keys.length === limit) break;
  }
  return keys;
}

/** Whether a term still holds office. A deleted name answers from its tombstone, or the floor. */
export function checkFence(state: PartitionState, key: PrimitiveKey, term: bigint): FenceView {
  const text = keyText(key);
  const election = state.elections.get(text);
  const highest = election?.term ?? state.tombstones.get(text)?.term ?? state.termFloor;
  const isHeld = election !== undefined && election.queue.length > 0;
  const status = fenceStatus(term, highest, isHeld);
  return { status, term: highest, asOfRevision: state.revision };
}

function fenceStatus(term: bigint, highest: bigint, isHeld: boolean): FenceView["status"] {
  if (term <= 0n || term > highest) return "unknown";
  if (term < highest) return "superseded";
  return isHeld ? "current" : "vacant";
}

/** A session here; `ended` is remembered for the last 100,000 of them. */
export function sessionOf(state: PartitionState, id: SessionId): SessionView | "ended" | undefined {
  const session = state.sessions.get(id);
  if (session !== undefined) return sessionView(session);
  return state.endedSessions.has(id) ? "ended" : undefined;
}

/** What a session was opened with. */
export interface SessionTerms {
  readonly ttlMs: number;
  readonly graceMs: number;
  readonly labels: Metadata;
}

/** Of a session that is registered here, without the cost of a view. */
export function sessionTerms(state: PartitionState, id: SessionId): SessionTerms | undefined {
  return state.sessions.get(id);
}

/** Whether a session is registered here, without the cost of a view. */
export function hasSession(state: PartitionState, id: SessionId): boolean {
  return state.sessions.has(id);
}

/** The revision of the last gain or loss of office by a session here, if it is registered. */
export function officeRevisionOf(state: PartitionState, id: SessionId): bigint | undefined {
  return state.sessions.get(id)?.officeRevision;
}

export interface SessionLease {
  readonly sessionId: SessionId;
  readonly ttlMs: number;
  readonly graceMs: number;
}

/** All sessions here, in no order that means anything; the partition must not change meanwhile. */
export function* sessions(state: PartitionState): Generator<SessionLease, void, undefined> {
  for (const { id, ttlMs, graceMs } of state.sessions.values()) {
    yield { sessionId: id, ttlMs, graceMs };
  }
}

/**
 * The primitive that S1 knows by a number, or undefined where the session has not created it, or it
 * has gone since.
 */
export function createdPrimitive(
  state: PartitionState,
  id: SessionId,
  primitiveId: bigint,
): PrimitiveKey | undefined {
  const key = state.sessions.get(id)?.bound.get(primitiveId);
  if (key === undefined) return undefined;
  return findElection(state, key)?.createdIndex === primitiveId ? key : undefined;
}

/** Whether the session has created the primitive and not closed it (S0). */
export function hasCreated(state: PartitionState, id: SessionId, key: PrimitiveKey): boolean {
  const session = state.sessions.get(id);
  const election = findElection(state, key);
  return session !== undefined && election !== undefined && isBound(session, election);
}

/** Whose numbers a session's commands carry; `ended` is remembered for the last 100,000 of them. */
export function numberingOf(state: PartitionState, id: SessionId): Numbering | "ended" | undefined {
  const session = state.sessions.get(id);
  if (session !== undefined) return session.numbering;
  return state.endedSessions.has(id) ? "ended" : undefined;
}

export interface Acknowledged {
  /** Numbers up to this one are answered, except those in `open`. */
  readonly through: number;
  /** Rising. */
  readonly open: readonly number[];
}

/** What an S1 session has acknowledged. */
export function acknowledgedBy(state: PartitionState, id: SessionId): Acknowledged | undefined {
  const answers = state.sessions.get(id)?.answers;
  return answers && { through: answers.acknowledged, open: [...answers.open] };
}

/** What a number of a session was answered with, while that is kept. */
export function answerOf(state: PartitionState, id: SessionId, number: number): Reply | undefined {
  return state.sessions.get(id)?.answers.replies.get(number);
}

/** The primitives that a session has created and not closed, in the order of their creation. */
export function createdPrimitives(state: PartitionState, id: SessionId): readonly PrimitiveKey[] {
  const session = state.sessions.get(id);
  if (session === undefined) return [];
  return [...boundElections(state, session)].map(({ key }) => key);
}

/** How an S0 session stands with the numbers of its calls. */
export interface StrictNumbers {
  readonly ttlMs: number;
  /** The last number executed or given up. */
  readonly last: number;
}

/** Undefined where there is no such session here, or one that counts in another way. */
export function strictNumbersOf(state: PartitionState, id: SessionId): StrictNumbers | undefined {
  const session = state.sessions.get(id);
  if (session?.numbering !== "s0") return undefined;
  return { ttlMs: session.ttlMs, last: session.answers.last };
}

/** What an S0 stream has sent and its client has not acknowledged, oldest first. */
export function streamMessages(
  state: PartitionState,
  id: SessionId,
  streamId: number,
): readonly StreamMessage[] | undefined {
  return state.sessions.get(id)?.streams.get(streamId)?.messages.slice();
}

/**
 * The revision since which nothing can have been missed of an election: its last change, or its
 * creation, before which it may have been deleted. Undefined where it does not exist.
 */
export function unchangedSince(state: PartitionState, key: PrimitiveKey): bigint | undefined {
  const election = findElection(state, key);
  if (election === undefined) return undefined;
  const { revision, createdRevision } = election;
  if (revision < createdRevision) return createdRevision;
  return revision;
}

function electionView(state: PartitionState, election: Election): ElectionView {
  const [leader, ...queue] = election.queue.map(({ view }) => view);
  return {
    key: election.key,
    revision: election.revision,
    term: election.term,
    reportedTerm: election.isLed ? election.term : 0n,
    ...(leader === undefined ? {} : { leader }),
    queue,
    ...(election.sinceMs === undefined ? {} : { sinceMs: election.sinceMs }),
    ...(election.changedMs === undefined ? {} : { changedMs: election.changedMs }),
    asOfRevision: state.revision,
  };
}

function sessionView(session: Session): SessionView {
  return {
    sessionId: session.id,
    ttlMs: session.ttlMs,
    graceMs: session.graceMs,
    labels: session.labels,
    principal: session.principal,
    officeRevision: session.officeRevision,
    candidacies: [...session.candidacies].map(candidacyView),
  };
}

function candidacyView(candidacy: Candidacy): CandidacyView {
  const { election, view } = candidacy;
  return {
    key: election.key,
    candidate: view.name,
    leading: election.queue[0] === candidacy,
    term: election.term,
    revision: election.revision,
  };
}
