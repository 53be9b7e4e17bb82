// SPDX-License-Identifier: Apache-2.0
/**
 * The ring of a replica's last changes, from which watchers resume (semantics A4; schedule N).
 *
 * It belongs to the replica and not to the state: a restart or a snapshot begins a new one, whose
 * floor is the applied revision. It never answers with a part of what was asked for.
 */

import { assert } from "@conclave/base";
import type { Change, Placed } from "./change.ts";
import { utf8Length } from "./text.ts";
import type { CandidateView } from "./view.ts";

export interface History {
  /** The revision before the oldest change that is kept. */
  floor: bigint;
  /** The revision of the newest change, or the floor. */
  head: bigint;
  readonly changesMax: number;
  readonly bytesMax: number;
  /** A window on this array: those before `first` are gone and wait to be cut off. */
  readonly kept: { readonly change: Change; readonly bytes: number }[];
  first: number;
  bytes: number;
}

export interface HistoryOptions {
  /** The revision that the replica has applied when the ring begins. */
  readonly floor: bigint;
  /** Default 65,536 (semantics A4). */
  readonly changesMax?: number;
  /** Default 16 MiB, counted roughly (semantics A4). */
  readonly bytesMax?: number;
}

export type Resumption =
  | { readonly kind: "replay"; readonly changes: readonly Change[] }
  /** Changes after `afterRevision` and up to `beforeRevision` may be missing. */
  | { readonly kind: "gap"; readonly afterRevision: bigint; readonly beforeRevision: bigint }
  /** The replica has yet to reach that revision. */
  | { readonly kind: "ahead"; readonly head: bigint };

export interface ResumeQuery {
  readonly afterRevision: bigint;
  readonly isWanted: (change: Change) => boolean;
  /**
   * For a watch of one election, `unchangedSince` of it: below the floor it has missed nothing where
   * this is at or before `afterRevision`. Absent for many elections, or where it does not exist.
   */
  readonly unchangedSince?: bigint;
}

export function createHistory(options: HistoryOptions): History {
  const { floor, changesMax = 65_536, bytesMax = 16 * 1_048_576 } = options;
  return { floor, head: floor, changesMax, bytesMax, kept: [], first: 0, bytes: 0 };
}

/** Adds what one entry has changed, in order. */
export function recordChanges(history: History, changes: readonly Change[]): void {
  for (const change of changes) {
    assert(change.revision === history.head + 1n, "E5: revisions follow each other by one");
    const bytes = sizeOf(change);
    history.kept.push({ change, bytes });
    history.bytes += bytes;
    history.head = change.revision;
  }
  while (keptCount(history) > history.changesMax || history.bytes > history.bytesMax) {
    dropOldest(history);
  }
}

/** What a watcher that has seen everything up to a revision has missed. */
export function resume(history: History, query: ResumeQuery): Resumption {
  const { afterRevision, isWanted, unchangedSince } = query;
  if (afterRevision > history.head) return { kind: "ahead", head: history.head };
  if (afterRevision < history.floor) {
    const isNothingMissed = unchangedSince !== undefined && unchangedSince <= afterRevision;
    if (isNothingMissed) return { kind: "replay", changes: [] };
    return { kind: "gap", afterRevision, beforeRevision: history.floor };
  }
  // Revisions follow each other by one, so the place is known without a search.
  const skipped = Number(afterRevision - history.floor);
  const changes: Change[] = [];
  for (let i = history.first + skipped; i < history.kept.length; i++) {
    const { change } = history.kept[i]!;
    if (isWanted(change)) changes.push(change);
  }
  return { kind: "replay", changes };
}

function keptCount(history: History): number {
  return history.kept.length - history.first;
}

function dropOldest(history: History): void {
  const oldest = history.kept[history.first]!;
  history.bytes -= oldest.bytes;
  history.floor = oldest.change.revision;
  history.first += 1;
  // Cutting off at each drop would move the whole ring; half of it at a time is moved rarely.
  if (history.first * 2 > history.kept.length) {
    history.kept.splice(0, history.first);
    history.first = 0;
  }
}

/** Roughly what it holds in memory: its texts, and a constant for the objects around them. */
function sizeOf(change: Change): number {
  let bytes = 220 + utf8Length(change.reason);
  for (const { candidate, before } of change.updated) {
    bytes += 40 + sizeOfView(candidate) + sizeOfView(before);
  }
  if (change.leader !== undefined) bytes += sizeOfView(change.leader);
  if (change.leaderBefore !== undefined) bytes += sizeOfView(change.leaderBefore);
  return (
    bytes + sizeOfPlaced(change.joined) + sizeOfPlaced(change.left) + sizeOfPlaced(change.moved)
  );
}

function sizeOfPlaced(placed: readonly Placed[]): number {
  let bytes = 0;
  for (const { candidate } of placed) bytes += 40 + sizeOfView(candidate);
  return bytes;
}

function sizeOfView(view: CandidateView): number {
  let bytes = 60 + utf8Length(view.name);
  for (const [key, value] of view.metadata) bytes += 40 + utf8Length(key) + utf8Length(value);
  return bytes;
}
