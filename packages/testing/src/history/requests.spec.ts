// SPDX-License-Identifier: Apache-2.0
/** Commands under one request id, asked by several clients: what the judge of histories makes of them. */

import { expect, test } from "vitest";
import { judgeHistory } from "./linearizability.ts";
import type { Call, Result } from "./operation.ts";
import { historyOf, type Line, led, view } from "./spec/by-hand.ts";

const anoint: Call = { kind: "anoint", candidate: "b", ifRevision: undefined, requestId: "r" };
const lost: Result = { kind: "unknown", code: "TIMEOUT" };
const refused: Result = { kind: "refused", code: "NOT_FOUND" };
const ba = view({ revision: 3n, term: 2n, leader: "b", candidates: ["b", "a"] });

function entered(client: string, candidate: string, startNs: number, term?: bigint): Line {
  const call = { kind: "campaign", candidate } as const;
  if (term === undefined) return ["e", client, call, startNs, undefined, undefined];
  return ["e", client, call, startNs, startNs + 1, led(term)];
}

test("a refusal that was lost is the answer to whoever asks again, though it would be granted by then", () => {
  const history = historyOf(
    entered("p", "a", 1, 1n),
    ["e", "o1", anoint, 3, 4, lost],
    entered("q", "b", 5),
    ["e", "o2", { kind: "get", read: "linearizable" }, 6, 7, seen("a", "b")],
    ["e", "o2", anoint, 8, 9, refused],
  );

  expect(judgeHistory(history)).toEqual({ kind: "linearizable" });
});

test("a refusal is no answer to the first who asks, where there is nothing to refuse", () => {
  const history = historyOf(entered("p", "b", 1, 1n), ["e", "o2", anoint, 8, 9, refused]);

  expect(judgeHistory(history).kind).toBe("not-linearizable");
});

test("what one client had carried out is not refused to another under its request id", () => {
  const history = historyOf(
    entered("p", "a", 1, 1n),
    entered("q", "b", 5),
    ["e", "o1", anoint, 8, 9, ba],
    ["e", "o2", anoint, 10, 11, refused],
  );

  expect(judgeHistory(history).kind).toBe("not-linearizable");
});

test("what one client had carried out is answered to another, and does not take effect again", () => {
  const ab = view({ revision: 4n, term: 3n, leader: "a", candidates: ["a", "b"] });
  const back: Call = { kind: "anoint", candidate: "a", ifRevision: undefined, requestId: "s" };
  const lines: Line[] = [
    entered("p", "a", 1, 1n),
    entered("q", "b", 5),
    ["e", "o1", anoint, 8, 9, ba],
    ["e", "o2", back, 10, 11, ab],
  ];

  const once = historyOf(...lines, ["e", "o2", anoint, 12, 13, ab]);
  expect(judgeHistory(once)).toEqual({ kind: "linearizable" });
  const again = view({ revision: 5n, term: 4n, leader: "b", candidates: ["b", "a"] });
  const twice = historyOf(...lines, ["e", "o2", anoint, 12, 13, again]);
  expect(judgeHistory(twice).kind).toBe("not-linearizable");
});

function seen(...candidates: readonly string[]): Result {
  return view({ revision: 2n, term: 1n, leader: candidates[0], candidates });
}
