// SPDX-License-Identifier: Apache-2.0
import { expect, test } from "vitest";
import { historyFromLines, historyToLines } from "./json-lines.ts";
import { judgeHistory } from "./linearizability.ts";
import type { History, Operation } from "./operation.ts";
import { randomHistory } from "./spec/random-history.ts";

const GET: Operation = {
  client: "reader-0",
  election: "orders",
  call: { kind: "get", read: "linearizable" },
  startNs: 9_007_199_254_740_993n,
  endNs: 9_007_199_254_740_995n,
  result: {
    kind: "view",
    view: { revision: 1n << 62n, term: 42n, leader: "ada", candidates: ["ada", "bob"] },
  },
};

test("a line is what the documentation says", () => {
  expect(historyToLines({ operations: [GET], mayLeave: [] })).toBe(
    `{"kind":"operation","client":"reader-0","election":"orders","call":{"kind":"get",` +
      `"read":"linearizable"},"startNs":"9007199254740993","endNs":"9007199254740995","result":` +
      `{"kind":"view","view":{"revision":"4611686018427387904","term":"42","leader":"ada",` +
      `"candidates":["ada","bob"]}}}\n`,
  );
});

test("what is written is read again, with what has no answer and what may leave", () => {
  const { history } = randomHistory(5n, {
    candidates: 3,
    operators: 3,
    operations: 60,
    lostPercent: 20,
  });
  const silent = { election: "e", candidate: "c0", client: "p0", fromNs: 3n, untilNs: undefined };
  const mixed: History = {
    operations: [...history.operations, GET],
    mayLeave: [...history.mayLeave, silent],
  };

  const read = historyFromLines(historyToLines(mixed));

  expect(read).toEqual(mixed);
  expect(judgeHistory({ ...read, operations: history.operations }).kind).toBe("linearizable");
});

test("a line that is not of a history is refused by its number", () => {
  const text = historyToLines({ operations: [GET], mayLeave: [] });
  expect(() => historyFromLines(`${text}nonsense\n`)).toThrow("line 2 ");
  expect(() => historyFromLines(`${text}\n{"kind":"other"}\n`)).toThrow(
    "line 3 of a history is of kind other",
  );
});
