// SPDX-License-Identifier: Apache-2.0
/**
 * One election as its users know it, one operation after the other (semantics A1): the sequential
 * specification that a history is held against. Written from the rules and not from the state machine,
 * which it must not import.
 *
 * A revision is the partition's, so what happens in other elections raises it too: between two reads
 * the model knows only how low it can be.
 */

import type { SeenElection } from "./operation.ts";

export interface ModelState {
  /** False: never entered, or deleted. */
  readonly exists: boolean;
  readonly term: bigint;
  /** The first leads. */
  readonly queue: readonly Candidacy[];
  /** Of the last change: this one, or (not exact) at least this one. */
  readonly revision: bigint;
  readonly isExact: boolean;
  /** The last change was a leaving that no operation asked for. Several of them may be one change. */
  readonly hasJustLeft: boolean;
}

interface Candidacy {
  readonly name: string;
  readonly client: string;
}

export type Verb = "anoint" | "promote" | "demote" | "evict";

export const NOTHING: ModelState = {
  exists: false,
  term: 0n,
  queue: [],
  revision: 0n,
  isExact: false,
  hasJustLeft: false,
};

/** Undefined where somebody holds the name: the server refuses, and the client asks again later. */
export function enter(state: ModelState, name: string, client: string): ModelState | undefined {
  if (state.queue.some((candidacy) => candidacy.name === name)) return undefined;
  return changed(state, [...state.queue, { name, client }]);
}

/**
 * Another client takes the candidacy from who holds it, in place: an office anew, under a new term; of
 * one who waits nothing changes but its metadata, if that. Undefined where nobody else holds the name.
 */
export function takeOver(state: ModelState, name: string, client: string): ModelState | undefined {
  const { queue } = state;
  const at = queue.findIndex((candidacy) => candidacy.name === name);
  if (at < 0 || queue[at]!.client === client) return undefined;
  const taken = queue.toSpliced(at, 1, { name, client });
  // With other metadata than it had, one who waits is changed.
  return at === 0 ? changed(state, taken) : { ...state, queue: taken, isExact: false };
}

/** Its metadata are others now. Undefined where the client has no such candidacy. */
export function touch(state: ModelState, name: string, client: string): ModelState | undefined {
  const isThere = state.queue.some((one) => one.name === name && one.client === client);
  return isThere ? changed(state, state.queue) : undefined;
}

/** @param client whose candidacy; undefined: whoever holds the name. Undefined where it is not there. */
export function leave(
  state: ModelState,
  name: string,
  client: string | undefined,
): ModelState | undefined {
  const at = state.queue.findIndex(
    (candidacy) => candidacy.name === name && (client === undefined || candidacy.client === client),
  );
  return at < 0 ? undefined : changed(state, state.queue.toSpliced(at, 1));
}

/**
 * As `leave`, for sessions that end: those that end in one entry are one change and one new term at
 * most, so a second leaving right after the first need not have a revision of its own (schedule P).
 */
export function leaveUnasked(
  state: ModelState,
  name: string,
  client: string | undefined,
): ModelState | undefined {
  const after = leave(state, name, client);
  if (after === undefined) return undefined;
  const revision = state.hasJustLeft ? state.revision : after.revision;
  return { ...after, revision, hasJustLeft: true };
}

/** Undefined where the candidate is not there. */
export function steer(state: ModelState, verb: Verb, name: string): ModelState | undefined {
  const { queue } = state;
  const at = queue.findIndex((candidacy) => candidacy.name === name);
  if (at < 0) return undefined;
  if (verb === "evict") return changed(state, queue.toSpliced(at, 1));
  const goal = { anoint: 0, promote: Math.max(at - 1, 0), demote: at + 1 }[verb];
  if (goal === at || goal >= queue.length) return state;
  return changed(state, queue.toSpliced(at, 1).toSpliced(goal, 0, queue[at]!));
}

export function remove(state: ModelState): ModelState {
  return { ...changed(state, []), exists: false };
}

/** What is known once it was at this revision; undefined where it cannot have been. */
export function atRevision(state: ModelState, revision: bigint): ModelState | undefined {
  if (!state.exists) return undefined;
  if (state.isExact) return state.revision === revision ? state : undefined;
  if (revision < state.revision) return undefined;
  return { ...state, revision, isExact: true };
}

/** What is known once it was seen so; undefined where it cannot have been. */
export function seenAs(state: ModelState, view: SeenElection): ModelState | undefined {
  const { term, leader, candidates } = view;
  if (term !== state.term || leader !== candidates[0]) return undefined;
  if (candidates.length !== state.queue.length) return undefined;
  if (candidates.some((name, i) => name !== state.queue[i]!.name)) return undefined;
  // It is not there: deleted, or vacant for so long that it was folded away.
  if (view.revision === 0n) return state.queue.length === 0 ? state : undefined;
  return atRevision(state, view.revision);
}

export function fenceStatus(state: ModelState, term: bigint): string {
  if (term <= 0n || term > state.term) return "unknown";
  if (term < state.term) return "superseded";
  return state.queue.length > 0 ? "current" : "vacant";
}

export function stateText(state: ModelState): string {
  const names = state.queue.map(({ name }) => name).join(", ");
  const revision = `${state.isExact ? "" : "at least "}${state.revision}`;
  const absence = state.exists ? "" : ", not there";
  return `term ${state.term}, [${names}], revision ${revision}${absence}`;
}

/** The term rises by one exactly when a candidate takes office. */
function changed(before: ModelState, queue: readonly Candidacy[]): ModelState {
  const leader = queue[0];
  const last = before.queue[0];
  const isTaken =
    leader !== undefined && (leader.name !== last?.name || leader.client !== last.client);
  return {
    exists: true,
    term: before.term + (isTaken ? 1n : 0n),
    queue,
    revision: before.revision + 1n,
    isExact: false,
    hasJustLeft: false,
  };
}
