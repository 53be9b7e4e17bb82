// SPDX-License-Identifier: Apache-2.0
/** Metadata that change: a revision of which a reading shows nothing but its number. */

import { expect, test } from "vitest";
import { judgeHistory } from "./linearizability.ts";
import type { Call, Result } from "./operation.ts";
import { historyOf, type Line, led, view } from "./spec/by-hand.ts";

const get: Call = { kind: "get", read: "linearizable" };
const update: Call = { kind: "update", candidate: "a" };
const entered: Line = ["e", "p", { kind: "campaign", candidate: "a" }, 1, 2, led(1n)];

function seen(revision: bigint): Result {
  return view({ revision, term: 1n, leader: "a", candidates: ["a"] });
}

test("an update raises the revision, and nothing else does between two equal readings", () => {
  const before: Line = ["e", "o", get, 3, 4, seen(1n)];
  const after: Line = ["e", "o", get, 7, 8, seen(2n)];
  const updated: Line = ["e", "p", update, 5, 6, { kind: "done" }];

  expect(judgeHistory(historyOf(entered, before, updated, after)).kind).toBe("linearizable");
  expect(judgeHistory(historyOf(entered, before, after)).kind).toBe("not-linearizable");
});

test("an update that was refused has raised nothing, and one without an answer may have", () => {
  const before: Line = ["e", "o", get, 3, 4, seen(1n)];
  const after: Line = ["e", "o", get, 7, 8, seen(2n)];
  const ended = (kind: "refused" | "unknown"): Line => {
    return ["e", "p", update, 5, 6, { kind, code: "LOST" }];
  };

  expect(judgeHistory(historyOf(entered, before, ended("unknown"), after)).kind).toBe(
    "linearizable",
  );
  const refused = historyOf(entered, before, ended("refused"), after);
  expect(judgeHistory(refused).kind).toBe("not-linearizable");
});
