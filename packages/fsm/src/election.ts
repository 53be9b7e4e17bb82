// SPDX-License-Identifier: Apache-2.0
/**
 * One election: a term and an ordered list of candidates, the first of whom leads (semantics A1).
 *
 * The functions here change the list only. The term, the revision and what watchers learn change in
 * office.ts, which every caller here must tell afterwards.
 */

import { assert } from "@conclave/base";
import type { Placed } from "./change.ts";
import type { Metadata } from "./command.ts";
import type { PrimitiveKey } from "./key.ts";
import type { Candidacy, Election, Session } from "./records.ts";
import { utf8Length } from "./text.ts";
import type { TermView } from "./view.ts";

/** From this many candidates on, names are found through a map and not by looking at each. */
const INDEXED_FROM = 16;

export interface ElectionOrigin {
  readonly key: PrimitiveKey;
  readonly text: string;
  readonly createdIndex: bigint;
  readonly createdRevision: bigint;
  readonly term: bigint;
  readonly isLed: boolean;
}

export function createElection(origin: ElectionOrigin): Election {
  return {
    key: origin.key,
    text: origin.text,
    createdIndex: origin.createdIndex,
    createdRevision: origin.createdRevision,
    term: origin.term,
    isLed: origin.isLed,
    revision: 0n,
    sinceMs: undefined,
    changedMs: undefined,
    queue: [],
    byName: undefined,
    metadataBytes: 0,
    boundBy: undefined,
    idleIndex: 0n,
    streams: [],
    termView: undefined,
  };
}

export function findCandidacy(election: Election, name: string): Candidacy | undefined {
  if (election.byName !== undefined) return election.byName.get(name);
  for (const candidacy of election.queue) if (candidacy.view.name === name) return candidacy;
  return undefined;
}

/** Appends a candidate that is not in the list. */
export function appendCandidacy(
  election: Election,
  session: Session,
  name: string,
  metadata: Metadata,
): Candidacy {
  const candidacy: Candidacy = {
    election,
    session,
    view: { name, sessionId: session.id, metadata },
  };
  const { queue } = election;
  queue.push(candidacy);
  if (election.byName !== undefined) election.byName.set(name, candidacy);
  else if (queue.length > INDEXED_FROM)
    election.byName = new Map(queue.map((c) => [c.view.name, c]));
  election.metadataBytes += metadataBytes(metadata);
  session.candidacies.add(candidacy);
  return candidacy;
}

/** Answers where it stood. */
export function removeCandidacy(candidacy: Candidacy): Placed {
  const { queue } = candidacy.election;
  const position = positionOf(candidacy);
  // A shift leaves the other places where they are in memory; a splice at 0 would move them all.
  if (position === 0) queue.shift();
  else queue.splice(position, 1);
  forget(candidacy);
  return { candidate: candidacy.view, position };
}

/** Removes those that the test names, and answers where they stood, in the order of the list. */
export function removeCandidacies(
  election: Election,
  isLeaving: (candidacy: Candidacy) => boolean,
): Placed[] {
  const left: Placed[] = [];
  let kept = 0;
  for (const [position, candidacy] of election.queue.entries()) {
    if (isLeaving(candidacy)) {
      left.push({ candidate: candidacy.view, position });
      forget(candidacy);
    } else election.queue[kept++] = candidacy;
  }
  election.queue.length = kept;
  if (kept === 0) election.byName = undefined;
  return left;
}

/** Puts it at a position of the list without it; the others keep their order. */
export function moveCandidacy(candidacy: Candidacy, position: number): void {
  const { queue } = candidacy.election;
  assert(position >= 0 && position < queue.length, "E1: a candidate moves within its list");
  queue.splice(positionOf(candidacy), 1);
  queue.splice(position, 0, candidacy);
}

export function positionOf(candidacy: Candidacy): number {
  const position = candidacy.election.queue.indexOf(candidacy);
  assert(position >= 0, "E2: a candidacy stands in the list of its election");
  return position;
}

/** Gives the place to another session; both sessions' own lists follow. */
export function bindCandidacy(candidacy: Candidacy, session: Session): void {
  candidacy.session.candidacies.delete(candidacy);
  session.candidacies.add(candidacy);
  candidacy.session = session;
  candidacy.view = { ...candidacy.view, sessionId: session.id };
}

export function replaceMetadata(candidacy: Candidacy, metadata: Metadata): void {
  candidacy.election.metadataBytes +=
    metadataBytes(metadata) - metadataBytes(candidacy.view.metadata);
  candidacy.view = { ...candidacy.view, metadata };
}

/** Keys and values together, in bytes of UTF-8. */
export function metadataBytes(metadata: Metadata): number {
  let bytes = 0;
  for (const [key, value] of metadata) bytes += utf8Length(key) + utf8Length(value);
  return bytes;
}

export function sameMetadata(one: Metadata, other: Metadata): boolean {
  if (one.size !== other.size) return false;
  for (const [key, value] of one) if (other.get(key) !== value) return false;
  return true;
}

/** What S0 to S4 see. The same object until the next change, so that replies share it. */
export function termViewOf(election: Election): TermView {
  election.termView ??= {
    term: election.isLed ? election.term : 0n,
    ...(election.sinceMs === undefined ? {} : { sinceMs: election.sinceMs }),
    ...(election.changedMs === undefined ? {} : { changedMs: election.changedMs }),
    candidates: election.queue.map((candidacy) => candidacy.view.name),
  };
  return election.termView;
}

function forget(candidacy: Candidacy): void {
  const { election } = candidacy;
  election.byName?.delete(candidacy.view.name);
  if (election.queue.length === 0) election.byName = undefined;
  election.metadataBytes -= metadataBytes(candidacy.view.metadata);
  candidacy.session.candidacies.delete(candidacy);
}
