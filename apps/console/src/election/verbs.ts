// SPDX-License-Identifier: Apache-2.0
/**
 * What an operator's verb will do to an election, in words, before it is asked for; and why one makes
 * no sense. Follows from the view alone (semantics A1); the verb carries the view's revision, so that
 * what is said here is what happens, or nothing does.
 */

import type { Candidate, View } from "@conclave/client";

export type Verb = "anoint" | "promote" | "demote" | "evict";

export const VERBS: readonly Verb[] = ["anoint", "promote", "demote", "evict"];

export type Consequence =
  | { readonly kind: "none"; readonly why: string }
  | {
      readonly kind: "change";
      /** Somebody else leads afterwards, or nobody. */
      readonly movesOffice: boolean;
      /** What the button that does it says. */
      readonly action: string;
      readonly sentences: readonly string[];
    };

export function consequenceOf(verb: Verb, candidate: string, view: View): Consequence {
  const { leader, queue } = view;
  const place = queue.findIndex((waiting) => waiting.id === candidate);
  const isLeader = leader?.id === candidate;
  if (leader === null || (!isLeader && place < 0)) return none(`${candidate} is not in the queue.`);
  switch (verb) {
    case "anoint":
      if (isLeader) return none(`${candidate} leads already.`);
      return taken(view, leader, candidate);
    case "promote":
      if (isLeader) return none(`${candidate} leads already.`);
      if (place === 0) return taken(view, leader, candidate);
      return moved(view, place - 1, place);
    case "demote":
      if (isLeader) return steppedDown(view, leader);
      if (place === queue.length - 1) return none(`${candidate} is the last in the queue.`);
      return moved(view, place + 1, place);
    case "evict":
      if (isLeader) return evictedLeader(view, leader);
      return change(false, `Evict ${candidate}`, [
        `${candidate} leaves the queue, where it is number ${place + 1}.`,
        `${leader.id} goes on leading under term ${view.term}.`,
        MAY_COME_BACK,
      ]);
  }
}

const MAY_COME_BACK = "Its process is told, and may enter again, at the end of the queue.";

/** The front of the queue is taken by somebody else, the old leader becomes second. */
function taken(view: View, leader: Candidate, candidate: string): Consequence {
  return change(true, `Let ${candidate} lead`, [
    ...officeMoves(view, leader.id, candidate),
    `${leader.id} becomes the first who waits.`,
  ]);
}

function steppedDown(view: View, leader: Candidate): Consequence {
  const next = view.queue[0];
  if (next === undefined) return none(`Nobody waits to take over from ${leader.id}.`);
  return change(true, `Let ${next.id} lead`, [
    ...officeMoves(view, leader.id, next.id),
    `${leader.id} becomes the first who waits.`,
  ]);
}

function evictedLeader(view: View, leader: Candidate): Consequence {
  const next = view.queue[0];
  if (next !== undefined) {
    const sentences = [...officeMoves(view, leader.id, next.id), `${leader.id} leaves.`];
    return change(true, `Evict ${leader.id}`, [...sentences, MAY_COME_BACK]);
  }
  return change(true, `Evict ${leader.id}`, [
    `${leader.id} leads now under term ${view.term}; nobody waits, so that nobody will lead.`,
    MAY_COME_BACK,
  ]);
}

function officeMoves(view: View, from: string, to: string): string[] {
  return [
    `${from} leads now under term ${view.term}; ${to} will lead under term ${view.term + 1n}.`,
  ];
}

/** Two of those who wait change places. */
function moved(view: View, to: number, from: number): Consequence {
  const candidate = view.queue[from]?.id ?? "";
  const other = view.queue[to]?.id ?? "";
  return change(false, to < from ? `Promote ${candidate}` : `Demote ${candidate}`, [
    `${candidate} and ${other} change places: ${candidate} becomes number ${to + 1} of those who wait.`,
    `${view.leader?.id ?? ""} goes on leading under term ${view.term}.`,
  ]);
}

/** What deleting an election does. */
export function deletionConsequence(view: View): readonly string[] {
  const count = view.queue.length + (view.leader === null ? 0 : 1);
  const who = view.leader === null ? [] : [`${view.leader.id} leads now under term ${view.term}.`];
  const members =
    count === 1 ? "Its one candidate loses its place" : `All ${count} candidates lose their places`;
  return [
    ...who,
    count === 0 ? "It has no candidates." : `${members} and must enter anew.`,
    `Terms up to ${view.term} are never issued again, even if it is created again.`,
  ];
}

function none(why: string): Consequence {
  return { kind: "none", why };
}

function change(movesOffice: boolean, action: string, sentences: readonly string[]): Consequence {
  return { kind: "change", movesOffice, action, sentences };
}
