// SPDX-License-Identifier: Apache-2.0
/** Exactly once (semantics A3; schedule I). */
import { expect, test } from "vitest";
import { apply } from "./apply.ts";
import type { Command } from "./command.ts";
import { restore } from "./snapshot-decoder.ts";
import { snapshot } from "./snapshot-encoder.ts";
import {
  createDriver,
  enter,
  KEY,
  NO_METADATA,
  open,
  remove,
  show,
  showReply,
  steer,
} from "./spec/driver.ts";

function numbered(number: number, acknowledged = 0, candidate = `c${number}`): Command {
  const id = { sessionId: 1n, number, acknowledged };
  return { kind: "enter", key: KEY, candidate, metadata: NO_METADATA, takeover: false, id };
}

test("a number that was executed is answered again and not executed", () => {
  const driver = createDriver();
  driver.run(open(1n), numbered(1));
  const { replies, changes } = driver.run(numbered(1));

  expect(replies).toMatchObject([{ kind: "done", revision: 1n, leading: true, replayed: true }]);
  expect(changes).toEqual([]);
});

test("an answer that is replayed says what was true then, although the office has passed on", () => {
  const driver = createDriver();
  driver.run(open(1n), numbered(1), numbered(2), steer("anoint", "c2"));

  expect(driver.ask(numbered(1))).toMatchObject({ leading: true, term: 1n, replayed: true });
  expect(show(driver.state)).toBe("2 c2 [c2 c1]");
});

test("a refusal is an answer: its retry gets the same, although it could now be served", () => {
  const driver = createDriver();
  const retry: Command = {
    kind: "withdraw",
    key: KEY,
    candidate: "a",
    id: { sessionId: 1n, number: 1, acknowledged: 0 },
  };
  driver.run(open(1n));
  expect(showReply(driver.ask(retry))).toBe("no_such_election");
  driver.run(numbered(2, 0, "a"));

  expect(showReply(driver.ask(retry))).toBe("no_such_election");
  expect(show(driver.state)).toBe("1 a [a]");
});

test("I: numbers 6 and 7 in flight, 7 applied first: 6 is executed all the same", () => {
  const driver = createDriver();
  driver.run(open(1n), numbered(7, 5));

  expect(showReply(driver.ask(numbered(6, 5)))).toBe("done");
  expect(show(driver.state)).toBe("1 c7 [c7 c6]");
});

test("a number at or below the watermark is refused, never executed", () => {
  const driver = createDriver();
  driver.run(open(1n), numbered(9, 5));

  expect(showReply(driver.ask(numbered(5)))).toBe("already_answered");
  expect(showReply(driver.ask(numbered(1)))).toBe("already_answered");
  expect(show(driver.state)).toBe("1 c9 [c9]");
});

test("the watermark never falls when an older command arrives late", () => {
  const driver = createDriver();
  driver.run(open(1n), numbered(9, 8), numbered(10, 3));

  expect(showReply(driver.ask(numbered(7)))).toBe("already_answered");
});

test("I: the 1,025th unacknowledged command is refused and not applied", () => {
  const driver = createDriver();
  driver.run(open(1n));
  const evens = Array.from({ length: 1_024 }, (_, i) => numbered(i + 1, 0, "same"));
  apply(driver.state, { timeMs: 0, commands: evens });

  expect(showReply(driver.ask(numbered(1_025)))).toBe("too_many_unacknowledged");
  expect(show(driver.state)).toBe("1 same [same]");
  // Acknowledging makes room, and the number was not used up.
  expect(showReply(driver.ask(numbered(1_025, 1)))).toBe("done");
});

test("a far jump of the watermark forgets all that it covers", () => {
  const driver = createDriver();
  driver.run(open(1n), numbered(1), numbered(2), numbered(2 ** 40, 2 ** 40 - 1));

  expect(driver.state.sessions.get(1n)!.answers.replies.size).toBe(1);
});

test("replies are state: a snapshot keeps them", () => {
  const driver = createDriver();
  driver.run(open(1n), numbered(1), numbered(2));
  const restored = restore(snapshot(driver.state));
  expect(restored.kind).toBe("restored");
  if (restored.kind !== "restored") return;

  const { replies } = apply(restored.state, { timeMs: 0, commands: [numbered(1)] });

  expect(replies).toMatchObject([{ kind: "done", leading: true, replayed: true }]);
});

test("a request id makes an operator's retry idempotent", () => {
  const driver = createDriver();
  driver.run(open(1n), enter("a", 1n), enter("b", 1n));
  const anoint = steer("anoint", "b", { requestId: "r1" });
  driver.run(anoint, steer("anoint", "a"));

  expect(driver.ask(anoint)).toMatchObject({ kind: "done", term: 2n, replayed: true });
  expect(show(driver.state)).toBe("3 a [a b]");
});

test.each([
  ["candidate", steer("anoint", "a", { requestId: "r1" })],
  ["verb", steer("evict", "b", { requestId: "r1" })],
  ["reason", steer("anoint", "b", { requestId: "r1", reason: "why" })],
  ["condition", steer("anoint", "b", { requestId: "r1", ifRevision: 0n })],
  ["election", steer("anoint", "b", { requestId: "r1", key: { ...KEY, name: "f" } })],
  ["kind", remove(KEY, { requestId: "r1" })],
])("the same request id with another %s is refused", (_, other) => {
  const driver = createDriver();
  driver.run(open(1n), enter("a", 1n), enter("b", 1n));
  driver.run(steer("anoint", "b", { requestId: "r1" }));

  expect(showReply(driver.ask(other))).toBe("request_id_reused");
  expect(show(driver.state)).toBe("2 b [b a]");
});

test("a refused request is remembered as refused", () => {
  const driver = createDriver();
  driver.run(open(1n), enter("a", 1n));
  const anoint = steer("anoint", "b", { requestId: "r1" });
  expect(showReply(driver.ask(anoint))).toBe("not_a_candidate");
  driver.run(enter("b", 1n));

  expect(showReply(driver.ask(anoint))).toBe("not_a_candidate");
});

test("replies by request id are bounded, the oldest goes first", () => {
  const driver = createDriver({ requestRepliesMax: 2 });
  driver.run(open(1n), enter("a", 1n), enter("b", 1n));
  const ask = (id: string): string =>
    showReply(driver.ask(steer("anoint", "a", { requestId: id })));
  for (const id of ["r1", "r2", "r3"]) expect(ask(id)).toBe("done unchanged");

  expect(ask("r3")).toBe("done unchanged replayed");
  expect(ask("r2")).toBe("done unchanged replayed");
  expect(ask("r1")).toBe("done unchanged");
});

test("if_revision compares with the election's own revision, not the partition's", () => {
  const driver = createDriver();
  const other = { ...KEY, name: "f" };
  driver.run(open(1n), enter("a", 1n), enter("b", 1n), enter("x", 1n, { key: other }));

  expect(driver.ask(steer("anoint", "b", { ifRevision: 3n }))).toEqual({
    kind: "refused",
    reason: "revision_mismatch",
    revision: 2n,
  });
  expect(showReply(driver.ask(steer("anoint", "b", { ifRevision: 2n })))).toBe("done");
  expect(showReply(driver.ask(steer("anoint", "a", { ifRevision: 2n })))).toBe("revision_mismatch");
});

test("F: of two operators that compare with the same revision in one batch, one succeeds", () => {
  const driver = createDriver();
  driver.run(open(1n), enter("a", 1n), enter("b", 1n), enter("c", 1n));
  const { replies } = driver.run(
    steer("anoint", "b", { ifRevision: 3n }),
    steer("anoint", "c", { ifRevision: 3n }),
  );

  expect(replies.map(showReply)).toEqual(["done", "revision_mismatch"]);
});

test("a reason is kept with the change that it was given for", () => {
  const driver = createDriver();
  driver.run(open(1n), enter("a", 1n));
  const { changes } = driver.run(steer("evict", "a", { reason: "disk is dying" }));

  expect(changes[0]).toMatchObject({ cause: "evicted", reason: "disk is dying" });
});
