// SPDX-License-Identifier: Apache-2.0
/** Sessions of S1: numbers that are a set, what a KeepAlive purges, and primitives known by number. */
import { expect, test } from "vitest";
import type { Command } from "./command.ts";
import type { DialectOperation } from "./dialect-command.ts";
import { acknowledgedBy, answerOf, createdPrimitive, numberingOf } from "./read.ts";
import type { Reply } from "./reply.ts";
import { call, close, createDriver, type Driver, KEY, showReply } from "./spec/driver.ts";

const on = (kind: "enter", candidate: string): DialectOperation => ({ kind, key: KEY, candidate });

function s1Client(): {
  driver: Driver;
  ask: (number: number, operation: DialectOperation) => Reply;
} {
  const driver = createDriver();
  driver.run({ kind: "open-indexed-session", dialect: "s1", ttlMs: 60_000 });
  const ask = (number: number, operation: DialectOperation): Reply =>
    driver.ask(call(1n, operation, { kind: "set", number }));
  return { driver, ask };
}

test("a primitive's id is the number of the command that created it, whoever asks", () => {
  const { driver, ask } = s1Client();
  expect(ask(1, { kind: "create", key: KEY })).toMatchObject({ primitiveId: 2n });
  driver.run({ kind: "open-indexed-session", dialect: "s1", ttlMs: 60_000 });
  const again = call(3n, { kind: "create", key: KEY }, { kind: "set", number: 1 });
  expect(driver.ask(again)).toMatchObject({ primitiveId: 2n });
  expect(createdPrimitive(driver.state, 3n, 2n)).toEqual(KEY);
  expect(createdPrimitive(driver.state, 3n, 9n)).toBeUndefined();
});

test("closing a primitive that is not open is refused", () => {
  const { ask } = s1Client();
  expect(showReply(ask(1, { kind: "close", key: KEY }))).toBe("not_created");
});

test("a purged number is refused, one that the filter holds open is not (bug 43)", () => {
  const { driver, ask } = s1Client();
  ask(1, { kind: "create", key: KEY });
  ask(2, on("enter", "a"));
  driver.run({ kind: "acknowledge-s1", sessionId: 1n, number: 4, open: [3] });
  expect(showReply(ask(2, on("enter", "x")))).toBe("already_answered");
  expect(showReply(ask(4, on("enter", "x")))).toBe("already_answered");
  expect(showReply(ask(3, on("enter", "b")))).toBe("done");
  expect(showReply(ask(3, on("enter", "b")))).toBe("done replayed");
});

test("a number that was purged once stays so, whatever a later filter says", () => {
  const { driver, ask } = s1Client();
  ask(1, { kind: "create", key: KEY });
  driver.run({ kind: "acknowledge-s1", sessionId: 1n, number: 4, open: [] });
  driver.run({ kind: "acknowledge-s1", sessionId: 1n, number: 4, open: [2] });
  expect(showReply(ask(2, on("enter", "a")))).toBe("already_answered");
});

test("a KeepAlive that was overtaken by a later one closes nothing above its own number", () => {
  const { driver, ask } = s1Client();
  ask(1, { kind: "create", key: KEY });
  driver.run({ kind: "acknowledge-s1", sessionId: 1n, number: 5, open: [4] });
  driver.run({ kind: "acknowledge-s1", sessionId: 1n, number: 2, open: [] });
  expect(acknowledgedBy(driver.state, 1n)).toEqual({ through: 5, open: [4] });
  expect(showReply(ask(4, on("enter", "a")))).toBe("done");
  expect(answerOf(driver.state, 1n, 4)).toMatchObject({ kind: "dialect-done" });
  expect(answerOf(driver.state, 1n, 1)).toBeUndefined();
});

test("each closing of a primitive is told once, for every session that had created it", () => {
  const { driver } = s1Client();
  driver.run({ kind: "open-indexed-session", dialect: "s1", ttlMs: 60_000 });
  const on1 = (sessionId: bigint, kind: "create" | "close", number: number): Command =>
    call(sessionId, { kind, key: KEY }, { kind: "set", number });
  driver.run(on1(1n, "create", 1), on1(2n, "create", 1));

  expect(driver.run(on1(1n, "close", 2), on1(1n, "close", 3)).primitivesClosed).toEqual([
    { sessionId: 1n, primitiveId: 3n },
  ]);
  driver.run(on1(1n, "create", 4));
  expect(driver.run(call(0n, { kind: "delete", key: KEY })).primitivesClosed).toEqual([
    { sessionId: 2n, primitiveId: 3n },
    { sessionId: 1n, primitiveId: 3n },
  ]);
  expect(numberingOf(driver.state, 1n)).toBe("s1");
  driver.run(close(1n));
  expect([1n, 9n].map((id) => numberingOf(driver.state, id))).toEqual(["ended", undefined]);
});
