// SPDX-License-Identifier: Apache-2.0
/**
 * What clients were told while a cluster had faults, and what may never be found in it. Pure: it reads
 * records and starts nothing.
 */

import type { View } from "@conclave/client";

/** What one watcher saw of one election, in order; the first is the state that it began with. */
export interface WatchedElection {
  readonly watcher: number;
  readonly election: string;
  readonly views: readonly View[];
  /** The server said that it could not tell everything: what is between two views is not known. */
  readonly hasGap: boolean;
}

/** Somebody was told that it leads, or acted as one that does. */
export interface Office {
  readonly election: string;
  readonly term: bigint;
  readonly candidate: string;
}

export interface History {
  readonly watched: readonly WatchedElection[];
  readonly offices: readonly Office[];
  /** The answers to operators' commands. */
  readonly acknowledged: readonly View[];
  /** Linearizable reads after everything. */
  readonly final: readonly View[];
  /** Offices that nobody contended for, of clients that lived, and that ended all the same: why. */
  readonly lost: readonly string[];
}

/** Sentences, one for each promise that was broken; none is what a spec expects. */
export function brokenPromises(history: History): readonly string[] {
  return [
    ...history.watched.flatMap(brokenOrder),
    ...sharedTerms(history),
    ...forgotten(history),
    ...fallen(history),
  ];
}

/** O4: a watch misses nothing and repeats nothing; O1: terms rise by one with each taking of office. */
function brokenOrder({ watcher, election, views, hasGap }: WatchedElection): readonly string[] {
  if (hasGap) return [`watcher ${watcher} of ${election} was told of a gap`];
  const broken: string[] = [];
  for (const [i, view] of views.entries()) {
    const before = views[i - 1];
    if (before === undefined) continue;
    const at = `watcher ${watcher} of ${election} at revision ${view.revision}`;
    if (view.revision <= before.revision) broken.push(`${at}: after ${before.revision}`);
    const isNew = view.term !== before.term;
    if (isNew && view.term !== before.term + 1n) {
      broken.push(`${at}: term ${view.term} after ${before.term}`);
    }
    const isElected = view.leader !== null && !isSameLeader(view, before);
    if (isElected && !isNew) broken.push(`${at}: another leader in term ${view.term}`);
  }
  return broken;
}

function isSameLeader(view: View, other: View): boolean {
  return view.leader?.id === other.leader?.id && view.leader?.instance === other.leader?.instance;
}

/** O1: a term belongs to one candidate, whoever tells of it. */
function sharedTerms({ watched, offices, acknowledged, final }: History): readonly string[] {
  const views = [...watched.flatMap((one) => one.views), ...acknowledged, ...final];
  const told = views.flatMap(({ election, term, leader }) =>
    leader === null ? [] : [{ election, term, candidate: leader.id }],
  );
  const holders = new Map<string, string>();
  const broken = new Set<string>();
  for (const { election, term, candidate } of [...told, ...offices]) {
    const key = `term ${term} of ${election}`;
    const holder = holders.get(key) ?? candidate;
    if (holder !== candidate) broken.add(`${key} belongs to ${holder} and to ${candidate}`);
    holders.set(key, holder);
  }
  return [...broken];
}

/**
 * O5: what was acknowledged is what every watcher that was there saw. A change that moved no office may
 * be hidden by a later one that a slow reader finds in its place; its term is then seen all the same.
 */
function forgotten({ watched, acknowledged }: History): readonly string[] {
  const broken: string[] = [];
  for (const { watcher, election, views } of watched) {
    const first = views[0]?.revision ?? 0n;
    for (const answer of acknowledged) {
      if (answer.election !== election || answer.revision < first) continue;
      const isSeen = views.some(
        (view) =>
          view.term === answer.term &&
          isSameLeader(view, answer) &&
          (view.revision === answer.revision || answer.revision < (views.at(-1)?.revision ?? 0n)),
      );
      if (!isSeen) {
        broken.push(
          `watcher ${watcher} of ${election} did not see what was acknowledged at ${answer.revision}`,
        );
      }
    }
  }
  return broken;
}

/** O5: in the end no election is behind what anybody was told of it. */
function fallen({ watched, offices, acknowledged, final }: History): readonly string[] {
  const broken: string[] = [];
  const ends = new Map(final.map((view) => [view.election, view]));
  for (const { election, term } of offices) {
    const end = ends.get(election);
    if (end !== undefined && end.term < term) {
      broken.push(`${election} ended in term ${end.term}, and ${term} had been held`);
    }
  }
  for (const view of [...acknowledged, ...watched.flatMap(({ views }) => views)]) {
    const end = ends.get(view.election);
    if (end !== undefined && end.revision < view.revision) {
      broken.push(`${view.election} ended at revision ${end.revision}, after ${view.revision}`);
    }
  }
  return broken;
}
