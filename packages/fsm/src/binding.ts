// SPDX-License-Identifier: Apache-2.0
/**
 * Which primitives a session of S0 or S1 has created and not closed.
 *
 * A binding names one creation: it goes when the primitive is deleted, and whoever creates that again
 * binds itself and nobody else.
 */

import { assert } from "@conclave/base";
import { findElection } from "./directory.ts";
import { noteIdleness } from "./idleness.ts";
import type { PartitionState } from "./partition.ts";
import type { Election, Session } from "./records.ts";

export function bind(state: PartitionState, session: Session, election: Election): void {
  if (isBound(session, election)) return;
  session.bound.set(election.createdIndex, election.key);
  election.boundBy ??= new Set();
  election.boundBy.add(session);
  noteIdleness(state, election);
}

export function unbind(state: PartitionState, session: Session, election: Election): void {
  if (!session.bound.delete(election.createdIndex)) return;
  const wasKnown = election.boundBy?.delete(session);
  assert(wasKnown === true, "E14: an election knows the sessions that have created it");
  noteIdleness(state, election);
}

export function isBound(session: Session, election: Election): boolean {
  return session.bound.has(election.createdIndex);
}

export function* boundElections(
  state: PartitionState,
  session: Session,
): Generator<Election, void, undefined> {
  for (const [createdIndex, key] of session.bound) {
    const election = findElection(state, key);
    if (election?.createdIndex === createdIndex) yield election;
  }
}
