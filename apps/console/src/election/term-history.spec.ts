// SPDX-License-Identifier: Apache-2.0
/** Stretches of office, from what a watch tells. */
import type { Cause, Change, View } from "@conclave/client";
import { expect, test } from "vitest";
import { recordChange, recordView, SPANS_MAX, type TermHistory } from "./term-history.ts";

function view(term: bigint, leader: string | null, sinceMs: number | null = null): View {
  const candidate = leader === null ? null : { id: leader, instance: "00ff", metadata: {} };
  return { election: "e", revision: term, term, leader: candidate, queue: [], sinceMs };
}

function elected(term: bigint, leader: string, timeMs: number, cause: Cause = "entered"): Change {
  return { type: "elected", view: view(term, leader, timeMs), cause, reason: "", timeMs };
}

function vacant(term: bigint, timeMs: number, cause: Cause = "resigned"): Change {
  return { type: "vacant", view: view(term, null), cause, reason: "", timeMs };
}

function show(history: TermHistory): string[] {
  return history.map((s) => {
    const who = s.kind === "led" ? `${s.leader} ${s.term}` : s.kind;
    return `${who} ${s.fromMs ?? "?"}-${s.toMs ?? ""} ${s.cause}`;
  });
}

function told(...changes: Change[]): string[] {
  return show(changes.reduce<TermHistory>(recordChange, []));
}

test("each taking of office ends the stretch before it, and a vacancy is a stretch too", () => {
  expect(
    told(
      elected(1n, "a", 10),
      vacant(1n, 20),
      elected(2n, "b", 35),
      elected(3n, "a", 50, "anointed"),
    ),
  ).toEqual([
    "a 1 10-20 entered",
    "vacant 20-35 resigned",
    "b 2 35-50 entered",
    "a 3 50- anointed",
  ]);
});

test("changes of the queue leave the history as it is, but tell who leads where nothing else has", () => {
  const queue = (leader: string): Change => ({
    ...{ type: "queue", cause: "entered", reason: "", timeMs: 90 },
    view: view(7n, leader, 40),
  });
  expect(told(queue("a"), queue("a"), elected(8n, "b", 95))).toEqual([
    "a 7 40-95 history",
    "b 8 95- entered",
  ]);
});

test("a gap is a stretch of which nothing is known", () => {
  const snapshot: Change = { type: "snapshot", view: view(9n, "c", 80) };
  expect(told(elected(1n, "a", 10), { type: "gap", lost: [1n, 9n] }, snapshot)).toEqual([
    "a 1 10- entered",
    "unknown ?-80 history",
    "c 9 80- history",
  ]);
});

test("a gap in which the office has not changed leaves one stretch", () => {
  const snapshot: Change = { type: "snapshot", view: view(1n, "a", 10) };
  const history = told(elected(1n, "a", 10), { type: "gap", lost: [1n, 9n] }, snapshot);
  expect(history).toEqual(["a 1 10- entered"]);
});

test("a term that was skipped is shown as missed", () => {
  expect(told(elected(1n, "a", 10), elected(4n, "b", 60))).toEqual([
    "a 1 10- entered",
    "unknown ?-60 history",
    "b 4 60- entered",
  ]);
});

test("what the live list knows is added once, and nothing older than what is known", () => {
  const history = recordView([], view(5n, "a", 10), "history");
  expect(recordView(history, view(5n, "a", 10), "history")).toBe(history);
  expect(recordView(history, view(4n, "z", 5), "history")).toBe(history);
  expect(recordView([], view(0n, null), "history")).toEqual([]);
});

test("the oldest go when there are too many", () => {
  let history: TermHistory = [];
  for (let term = 1; term <= SPANS_MAX + 5; term++) {
    history = recordChange(history, elected(BigInt(term), "a", term));
  }
  expect(history).toHaveLength(SPANS_MAX);
  expect(history[0]?.term).toBe(6n);
});
