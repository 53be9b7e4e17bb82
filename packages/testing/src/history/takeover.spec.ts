// SPDX-License-Identifier: Apache-2.0
/** Two clients that stand under one name: what the judge of histories makes of a takeover. */

import { expect, test } from "vitest";
import { judgeHistory } from "./linearizability.ts";
import type { Call } from "./operation.ts";
import { historyOf, led, view } from "./spec/by-hand.ts";

const campaign: Call = { kind: "campaign", candidate: "x" };
const takeover: Call = { kind: "campaign", candidate: "x", takeover: true };

test("a client that takes the leader's name over leads under the next term", () => {
  const history = historyOf(
    ["e", "p1", campaign, 1, 2, led(1n)],
    ["e", "p2", takeover, 3, 4, led(2n)],
  );

  expect(judgeHistory(history)).toEqual({ kind: "linearizable" });
});

test("a client that takes the leader's name over does not lead under the same term", () => {
  const history = historyOf(
    ["e", "p1", campaign, 1, 2, led(1n)],
    ["e", "p2", takeover, 3, 4, led(1n)],
  );

  expect(judgeHistory(history).kind).toBe("not-linearizable");
});

test("a client that waits for a name does not lead while another one holds it", () => {
  const history = historyOf(
    ["e", "p1", campaign, 1, 2, led(1n)],
    ["e", "p2", campaign, 3, 4, led(2n)],
  );

  expect(judgeHistory(history).kind).toBe("not-linearizable");
});

test("who waits can be taken over unseen, and the one who took it has the office later", () => {
  const seen = { revision: 2n, term: 1n, leader: "y", candidates: ["y", "x"] };
  const history = historyOf(
    ["e", "p1", { kind: "campaign", candidate: "y" }, 1, 2, led(1n)],
    ["e", "p2", campaign, 3, undefined, undefined],
    ["e", "p4", { kind: "get", read: "linearizable" }, 4, 5, view(seen)],
    ["e", "p3", takeover, 6, 10, led(2n)],
    ["e", "p4", { kind: "get", read: "linearizable" }, 7, 8, view(seen)],
    ["e", "p1", { kind: "resign", candidate: "y", term: 1n }, 9, 10, { kind: "done" }],
  );

  expect(judgeHistory(history)).toEqual({ kind: "linearizable" });
});
