// SPDX-License-Identifier: Apache-2.0
/** One election as the console knows it: nothing in it but what a server has sent. */

import type { View } from "@conclave/client";

export interface ElectionRow {
  readonly namespace: string;
  readonly name: string;
  readonly view: View;
}

/** `alone`: led, but nobody stands by to take over. */
export type ElectionState = "vacant" | "alone" | "led";

export interface ElectionsState {
  /** By `keyOf(namespace, name)`, in no order. */
  readonly rows: ReadonlyMap<string, ElectionRow>;
  /** False until what existed at the beginning has been heard: an empty table is not "no elections" yet. */
  readonly isLoaded: boolean;
  /** How many elections the servers count, where they have said it. */
  readonly expected: number | undefined;
  /** In the order of their names; those that have elections, and those that are asked for. */
  readonly namespaces: readonly string[];
}

/** Neither names nor namespaces hold control characters, so no two elections share a key. */
export function keyOf(namespace: string, name: string): string {
  return `${namespace}\u0000${name}`;
}

export function stateOf(view: View): ElectionState {
  if (view.leader === null) return "vacant";
  return view.queue.length === 0 ? "alone" : "led";
}
