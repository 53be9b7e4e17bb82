// SPDX-License-Identifier: Apache-2.0
// What the end-to-end specs hold the cluster to: a checker that sees nothing would let all of them pass.
import type { View } from "@conclave/client";
import { expect, test } from "vitest";
import { brokenPromises, type History } from "./history.ts";

test("a history in which everybody was told the same keeps every promise", () => {
  const views = [view(1n, 1n, "a"), view(2n, 2n, "b"), view(3n, 2n, null)];

  const broken = brokenPromises({
    ...NOTHING,
    watched: [watched(views)],
    offices: [{ election: "e", term: 2n, candidate: "b" }],
    acknowledged: [view(2n, 2n, "b")],
    final: [view(3n, 2n, null)],
  });

  expect(broken).toEqual([]);
});

test("a watch that repeats a revision is found", () => {
  const repeated = watched([view(1n, 1n, "a"), view(1n, 1n, "a")]);
  expect(brokenPromises({ ...NOTHING, watched: [repeated] })).toHaveLength(1);
});

test("a watch that skips a term is found", () => {
  const skipping = watched([view(1n, 1n, "a"), view(4n, 3n, "a")]);
  expect(brokenPromises({ ...NOTHING, watched: [skipping] })).toHaveLength(1);
});

test("a watch that was told of a gap is found", () => {
  const gap = { ...watched([]), hasGap: true };
  expect(brokenPromises({ ...NOTHING, watched: [gap] })).toHaveLength(1);
});

test("two leaders of one term are found, though nobody saw both", () => {
  const broken = brokenPromises({
    ...NOTHING,
    watched: [watched([view(1n, 1n, "a")])],
    offices: [{ election: "e", term: 1n, candidate: "b" }],
  });
  expect(broken).toEqual(["term 1 of e belongs to a and to b"]);
});

test("a new leader without a new term is found", () => {
  const broken = brokenPromises({
    ...NOTHING,
    watched: [watched([view(1n, 1n, null), view(2n, 1n, "b")])],
  });
  expect(broken).toEqual(["watcher 1 of e at revision 2: another leader in term 1"]);
});

test("an acknowledged change of office that a watcher did not see is found", () => {
  const broken = brokenPromises({
    ...NOTHING,
    watched: [watched([view(1n, 1n, "a"), view(3n, 2n, null)])],
    acknowledged: [view(2n, 2n, "b")],
  });
  expect(broken).toEqual(["watcher 1 of e did not see what was acknowledged at 2"]);
});

test("an acknowledged change that the watch ended without is found", () => {
  const broken = brokenPromises({
    ...NOTHING,
    watched: [watched([view(1n, 1n, "a")])],
    acknowledged: [view(2n, 1n, "a")],
  });
  expect(broken).toHaveLength(1);
});

test("a change of the queue that a later one hid is no broken promise", () => {
  const broken = brokenPromises({
    ...NOTHING,
    watched: [watched([view(1n, 1n, "a"), view(3n, 1n, "a")])],
    acknowledged: [view(2n, 1n, "a")],
  });
  expect(broken).toEqual([]);
});

test("a term that was held and is gone in the end is found", () => {
  const broken = brokenPromises({
    ...NOTHING,
    offices: [{ election: "e", term: 7n, candidate: "a" }],
    final: [view(3n, 6n, null)],
  });
  expect(broken).toEqual(["e ended in term 6, and 7 had been held"]);
});

const NOTHING: History = { watched: [], offices: [], acknowledged: [], final: [], lost: [] };

function watched(views: readonly View[]) {
  return { watcher: 1, election: "e", views, hasGap: false };
}

function view(revision: bigint, term: bigint, leader: string | null): View {
  const instance = "0".repeat(16);
  return {
    ...{ election: "e", revision, term, queue: [], sinceMs: null },
    leader: leader === null ? null : { id: leader, instance, metadata: {} },
  };
}
