// SPDX-License-Identifier: Apache-2.0
/**
 * How elections come to exist and cease to, without a term ever being issued twice (semantics A1).
 *
 * A name that goes leaves its last term in a tombstone; tombstones are bounded, and the oldest raise
 * the floor from which all names without one start.
 */

import { assert } from "@conclave/base";
import { createElection, removeCandidacies } from "./election.ts";
import { closeStream } from "./event-stream.ts";
import { noteIdleness } from "./idleness.ts";
import { keyText, type PrimitiveKey } from "./key.ts";
import { settle } from "./office.ts";
import { takeOldest } from "./oldest.ts";
import type { PartitionState, Tombstone } from "./partition.ts";
import type { Election } from "./records.ts";
import type { Refused } from "./reply.ts";
import { addText, removeText } from "./sorted-texts.ts";
import { refused, type Turn } from "./turn.ts";

export function findElection(state: PartitionState, key: PrimitiveKey): Election | undefined {
  return state.elections.get(keyText(key));
}

/**
 * Finds an election or creates it, vacant. The caller enters somebody or binds it at once, since an
 * election that nobody wanted should not come to exist.
 */
export function openElection(turn: Turn, key: PrimitiveKey): Election | Refused {
  const { state } = turn;
  const text = keyText(key);
  const found = state.elections.get(text);
  if (found !== undefined) return found;
  if (state.elections.size >= state.limits.electionsFoldAt) foldOne(state);
  if (state.elections.size >= state.limits.electionsMax) return refused("too_many_elections");
  const tombstone = state.tombstones.get(text);
  state.tombstones.delete(text);
  const election = createElection({
    key,
    text,
    createdIndex: state.index,
    createdRevision: state.revision,
    term: tombstone?.term ?? state.termFloor,
    isLed: tombstone?.isFolded ?? false,
  });
  state.elections.set(text, election);
  addText(state.keys, text);
  noteIdleness(state, election);
  return election;
}

/** Removes an election: its watchers see it vacated, then its S0 streams end (bug 20). */
export function deleteElection(turn: Turn, election: Election, reason: string): void {
  const leaderBefore = election.queue[0]?.view;
  const left = removeCandidacies(election, () => true);
  settle(turn, election, leaderBefore, { cause: "deleted", reason, left });
  for (const stream of [...election.streams]) closeStream(turn, stream);
  // Or a session that lives long would keep a trace of every primitive that others have deleted.
  for (const session of election.boundBy ?? []) {
    session.bound.delete(election.createdIndex);
    turn.primitivesClosed.push({ sessionId: session.id, primitiveId: election.createdIndex });
  }
  bury(turn.state, election, false);
}

/** Makes room: the election that has been vacant for longest becomes a tombstone. No one is told. */
function foldOne(state: PartitionState): void {
  const oldest = takeOldest(state.idle);
  if (oldest !== undefined) bury(state, oldest, oldest.isLed);
}

function bury(state: PartitionState, election: Election, isFolded: boolean): void {
  assert(election.queue.length === 0, "E6: only a vacant election goes");
  assert(election.streams.length === 0, "E13: no stream follows an election that goes");
  state.elections.delete(election.text);
  removeText(state.keys, election.text);
  state.idle.delete(election);
  if (election.term > state.termFloor || isFolded) {
    addTombstone(state, election.text, { term: election.term, isFolded });
  }
}

function addTombstone(state: PartitionState, text: string, tombstone: Tombstone): void {
  assert(!state.tombstones.has(text), "E6: a name has an election or a tombstone, never both");
  state.tombstones.set(text, tombstone);
  if (state.tombstones.size <= state.limits.tombstonesMax) return;
  const oldest = takeOldest(state.tombstones);
  assert(oldest !== undefined, "E6: an overfull set of tombstones has an oldest");
  if (oldest.term > state.termFloor) state.termFloor = oldest.term;
}
