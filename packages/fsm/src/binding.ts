// SPDX-License-Identifier: Apache-2.0
/**
 * Which primitives a session of S0 or S1 has created and not closed.
 *
 * A binding names one creation: when the primitive is deleted and created again by another, the old
 * binding leads nowhere.
 */

import { assert } from "@conclave/base";
import { findElection } from "./directory.ts";
import { noteIdleness } from "./idleness.ts";
import type { PartitionState } from "./partition.ts";
import type { Election, Session } from "./records.ts";

export function bind(state: PartitionState, session: Session, election: Election): void {
  if (isBound(session, election)) return;
  session.bound.set(election.createdIndex, election.key);
  election.bindings += 1;
  noteIdleness(state, election);
}

export function unbind(state: PartitionState, session: Session, election: Election): void {
  if (!session.bound.delete(election.createdIndex)) return;
  election.bindings -= 1;
  assert(election.bindings >= 0, "E14: as many bindings are counted as sessions hold");
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
