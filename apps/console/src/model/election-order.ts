// SPDX-License-Identifier: Apache-2.0
/** Which elections are shown, and in what order: those that need somebody to look at them first. */

import { type ElectionRow, type ElectionState, stateOf } from "./election-row.ts";
import type { Query } from "./route.ts";

export interface ElectionFilter {
  /** Words, each of which is part of the name or of the leader's; case does not matter. */
  readonly text: string;
  /** Empty: all. */
  readonly namespace: string;
  readonly state: ElectionState | "";
}

export interface ElectionCounts {
  readonly vacant: number;
  readonly alone: number;
  readonly led: number;
}

const URGENCY: readonly ElectionState[] = ["vacant", "alone", "led"];

/** Vacant ones, those that nobody stands by for, then the rest; each in the order of their names. */
export function orderedRows(
  rows: Iterable<ElectionRow>,
  filter: ElectionFilter,
): readonly ElectionRow[] {
  const words = filter.text.toLowerCase().split(/\s+/).filter(Boolean);
  const kept: Record<ElectionState, ElectionRow[]> = { vacant: [], alone: [], led: [] };
  for (const row of rows) {
    if (filter.namespace !== "" && row.namespace !== filter.namespace) continue;
    const state = stateOf(row.view);
    if (filter.state !== "" && state !== filter.state) continue;
    if (words.length > 0 && !words.every((word) => mentions(row, word))) continue;
    kept[state].push(row);
  }
  return URGENCY.flatMap((state) => kept[state].sort(compareRows));
}

export function countStates(rows: Iterable<ElectionRow>): ElectionCounts {
  const counts = { vacant: 0, alone: 0, led: 0 };
  for (const { view } of rows) counts[stateOf(view)] += 1;
  return counts;
}

/** What of an address is a filter of elections; what it does not know it ignores. */
export function filterOf(query: Query): ElectionFilter {
  const state = query["state"] ?? "";
  const isState = state === "vacant" || state === "alone" || state === "led";
  return {
    text: query["q"] ?? "",
    namespace: query["ns"] ?? "",
    state: isState ? state : "",
  };
}

function mentions({ name, view }: ElectionRow, word: string): boolean {
  if (name.toLowerCase().includes(word)) return true;
  return view.leader?.id.toLowerCase().includes(word) ?? false;
}

/** By code units: a collator is many times slower, and 10,000 names are sorted while one looks. */
function compareRows(a: ElectionRow, b: ElectionRow): number {
  return compareText(a.name, b.name) || compareText(a.namespace, b.namespace);
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
