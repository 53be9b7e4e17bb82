// SPDX-License-Identifier: Apache-2.0
/** Keeps the last view of each election that a server has told, and nothing that it has not. */

import type { View, ViewChange } from "@conclave/client";
import type { ChangeToLog } from "./change-log.ts";
import { type ElectionRow, keyOf } from "./election-row.ts";

export interface ElectionBook {
  /** The state of an election as it is, told because nothing before it is known. */
  snapshot(namespace: string, view: View): void;
  /** What happened to an election; answers with what is worth remembering of it. */
  change(namespace: string, change: ViewChange, receivedMs: number): ChangeToLog;
  /** What was told of a namespace can no longer be vouched for. */
  forget(namespace: string): void;
  countOf(namespace: string): number;
  /** A copy that does not change. */
  rows(): ReadonlyMap<string, ElectionRow>;
}

export function createElectionBook(): ElectionBook {
  const rows = new Map<string, ElectionRow>();
  const counts = new Map<string, number>();
  const countUp = (namespace: string, by: number): void => {
    counts.set(namespace, (counts.get(namespace) ?? 0) + by);
  };
  const put = (namespace: string, view: View): void => {
    const key = keyOf(namespace, view.election);
    if (!rows.has(key)) countUp(namespace, 1);
    rows.set(key, { namespace, name: view.election, view });
  };
  const remove = (namespace: string, name: string): void => {
    if (rows.delete(keyOf(namespace, name))) countUp(namespace, -1);
  };
  return {
    snapshot: put,
    change(namespace, { view, type, cause, reason, timeMs }, receivedMs) {
      const name = view.election;
      const leaderBefore = rows.get(keyOf(namespace, name))?.view.leader ?? null;
      if (cause === "deleted") remove(namespace, name);
      else put(namespace, view);
      const { term, revision, leader: leaderAfter } = view;
      const state = { term, revision, leaderBefore, leaderAfter };
      return { kind: "change", namespace, name, type, cause, reason, timeMs, receivedMs, ...state };
    },
    forget(namespace) {
      for (const [key, row] of rows) if (row.namespace === namespace) rows.delete(key);
      counts.delete(namespace);
    },
    countOf: (namespace) => counts.get(namespace) ?? 0,
    rows: () => new Map(rows),
  };
}
