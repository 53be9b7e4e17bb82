// SPDX-License-Identifier: Apache-2.0
/** The originals' bugs 1 to 27 of semantics 3.1: each test fails on a machine that has the bug. */
import { expect, test } from "vitest";
import { apply } from "./apply.ts";
import type { Command } from "./command.ts";
import type { PartitionState } from "./partition.ts";
import { streamMessages, viewOf } from "./read.ts";
import { restore } from "./snapshot-decoder.ts";
import { snapshot, stateHash } from "./snapshot-encoder.ts";
import {
  call,
  createDriver,
  type Driver,
  enter,
  expire,
  KEY,
  key,
  open,
  show,
  showChange,
  showReply,
  steer,
  withdraw,
} from "./spec/driver.ts";

function queue(...names: string[]): Driver {
  const driver = createDriver();
  for (const [i, name] of names.entries())
    driver.run(open(BigInt(i + 1)), enter(name, BigInt(i + 1)));
  return driver;
}

function reload(state: PartitionState): PartitionState {
  const restored = restore(snapshot(state));
  if (restored.kind !== "restored") throw new Error(restored.detail);
  return restored.state;
}

test("bug 1: the anointed candidate leads, not the last one, and nobody is lost", () => {
  const driver = queue("a", "b", "c", "d");
  driver.run(steer("anoint", "b"));
  expect(show(driver.state)).toBe("2 b [b a c d]");
});

test("bug 2: demoting one that waits swaps two and loses nobody", () => {
  const driver = queue("a", "b", "c");
  driver.run(steer("demote", "b"));
  expect(show(driver.state)).toBe("1 a [a c b]");
});

test("bug 3: promoting and demoting in the middle of a queue works", () => {
  const driver = queue("a", "b", "c", "d");
  driver.run(steer("promote", "d"), steer("demote", "b"));
  expect(show(driver.state)).toBe("1 a [a d b c]");
});

test("bug 4: the leader's session ends when the queue has been used and is empty: vacant", () => {
  const driver = queue("a", "b");
  driver.run(withdraw("b", 2n), expire(1n));
  expect(show(driver.state)).toBe("1 - []");
});

test("bug 5: an anoint or a promote to first keeps the old leader, as second", () => {
  const driver = queue("a", "b", "c");
  driver.run(steer("promote", "b"));
  expect(show(driver.state)).toBe("2 b [b a c]");
  driver.run(steer("anoint", "c"));
  expect(show(driver.state)).toBe("3 c [c b a]");
});

test("bug 6: after a hand-over the new leader's end is noticed, the first leader's unseats nobody", () => {
  const driver = queue("a", "b", "c");
  driver.run(steer("anoint", "b"), expire(1n));
  expect(show(driver.state)).toBe("2 b [b c]");
  driver.run(expire(2n));
  expect(show(driver.state)).toBe("3 c [c]");
});

test("bug 7: one that waits leaves when its session ends, and is never elected dead", () => {
  const driver = queue("a", "b", "c");
  driver.run(expire(2n), withdraw("a", 1n));
  expect(show(driver.state)).toBe("2 c [c]");
});

test("bug 8: close, create and enter again on one session: the second close is noticed too", () => {
  const driver = queue("x");
  driver.run(withdraw("x", 1n));
  const again: Command[] = [
    call(1n, { kind: "create", key: KEY }),
    call(1n, { kind: "enter", key: KEY, candidate: "a" }),
    call(1n, { kind: "close", key: KEY }),
  ];
  driver.run(...again);
  expect(show(driver.state)).toBe("2 - []");
  driver.run(...again);
  expect(show(driver.state)).toBe("3 - []");
});

test("bug 9: withdraw takes out the named one, also one that waits", () => {
  const driver = createDriver();
  driver.run(open(1n), enter("a", 1n), enter("b", 1n), enter("c", 1n));
  driver.run(withdraw("b", 1n));
  expect(show(driver.state)).toBe("1 a [a c]");
  driver.run(call(1n, { kind: "withdraw", key: KEY, candidate: "c" }));
  expect(show(driver.state)).toBe("1 a [a]");
});

test("bug 10: a leader that enters again is not put into the queue as well", () => {
  const driver = queue("a");
  driver.run(enter("a", 1n), call(1n, { kind: "enter", key: KEY, candidate: "a" }));
  expect(show(driver.state)).toBe("1 a [a]");
});

test("bug 11: vacancy at the end of a session is an event", () => {
  const driver = queue("a");
  expect(driver.run(expire(1n)).changes.map(showChange)).toEqual(["expired 1 -"]);
});

test("bug 12: demoting the last is no event", () => {
  const driver = queue("a", "b");
  expect(driver.run(steer("demote", "b")).changes).toEqual([]);
});

test("bug 13: demote exists", () => {
  const driver = queue("a", "b", "c");
  expect(showReply(driver.ask(steer("demote", "b")))).toBe("done");
});

test("bug 14: a leader with a successor can be demoted", () => {
  const driver = queue("a", "b");
  driver.run(steer("demote", "a"));
  expect(show(driver.state)).toBe("2 b [b a]");
});

test("bug 15: the state is there to be sent first, before anything changes", () => {
  const driver = queue("a");
  expect(viewOf(driver.state, KEY)).toMatchObject({
    term: 1n,
    leader: { name: "a" },
    revision: 1n,
  });
});

test("bug 16: a stream that has ended is no longer kept by its election", () => {
  const driver = createDriver();
  driver.run({ kind: "open-indexed-session", dialect: "s0", ttlMs: 30_000 });
  driver.run(
    call(1n, { kind: "create", key: KEY }, { kind: "strict", number: 1 }),
    call(1n, { kind: "events", key: KEY }, { kind: "strict", number: 2 }),
    { kind: "acknowledge-s0", sessionId: 1n, number: 2, streams: [] },
    open(9n),
    enter("a", 9n),
  );
  expect([...driver.state.elections.values()][0]!.streams).toEqual([]);
  expect(streamMessages(driver.state, 1n, 2)).toBeUndefined();
});

test("bug 17: a candidate is in the list once and cannot succeed itself", () => {
  const driver = createDriver();
  driver.run(open(1n), enter("a", 1n), enter("a", 1n), enter("b", 1n), withdraw("a", 1n));
  expect(show(driver.state)).toBe("2 b [b]");
});

test("bug 18: after a re-bind only the new session's end removes the candidate", () => {
  const driver = queue("a");
  driver.run(open(2n), call(2n, { kind: "enter", key: KEY, candidate: "a" }), expire(1n));
  expect(show(driver.state)).toBe("2 a [a]");
  driver.run(expire(2n));
  expect(show(driver.state)).toBe("2 - []");
});

test("bug 19: sessions that expire in one pass give one term, in whatever order they are named", () => {
  const [forth, back] = [queue("a", "b", "c"), queue("a", "b", "c")];
  forth.run(expire(1n, 2n));
  back.run(expire(2n, 1n));
  expect(show(forth.state)).toBe("2 c [c]");
  expect(show(back.state)).toBe("2 c [c]");
});

test("bug 20: delete sends the vacancy, then ends the streams, and close ends the closer's own", () => {
  const driver = createDriver();
  const indexed: Command = { kind: "open-indexed-session", dialect: "s0", ttlMs: 30_000 };
  driver.run(indexed, indexed);
  for (const id of [1n, 2n]) {
    driver.run(
      call(id, { kind: "create", key: KEY }, { kind: "strict", number: 1 }),
      call(id, { kind: "events", key: KEY }, { kind: "strict", number: 2 }),
      call(id, { kind: "enter", key: KEY, candidate: `c${id}` }, { kind: "strict", number: 3 }),
    );
  }
  const closed = driver.run(call(2n, { kind: "close", key: KEY }, { kind: "strict", number: 4 }));
  expect(closed.streamMessages.map((m) => `${m.sessionId} ${m.type}`)).toEqual([
    "1 event",
    "2 event",
    "2 close",
  ]);
  const deleted = driver.run(call(2n, { kind: "delete", key: KEY }, { kind: "strict", number: 5 }));
  expect(deleted.streamMessages.map((m) => `${m.sessionId} ${m.type}`)).toEqual([
    "1 event",
    "1 close",
  ]);
  expect(deleted.streamMessages[0]!.term!.candidates).toEqual([]);
});

test("bug 21: after a snapshot a re-bind reaches the leader itself, not a copy of it", () => {
  const state = reload(queue("a", "b").state);
  const rebind = call(9n, { kind: "enter", key: KEY, candidate: "a" });
  apply(state, { timeMs: 0, commands: [open(9n), rebind, expire(1n)] });
  expect(show(state)).toBe("2 a [a b]");
  apply(state, { timeMs: 0, commands: [expire(9n)] });
  expect(show(state)).toBe("3 b [b]");
});

test("bug 22: a snapshot keeps the elections", () => {
  const driver = queue("a", "b", "c");
  driver.run(enter("x", 2n, { key: key("f") }));
  const state = reload(driver.state);
  expect(show(state)).toBe("1 a [a b c]");
  expect(show(state, key("f"))).toBe("1 x [x]");
  expect(stateHash(state)).toBe(stateHash(driver.state));
});

test("bug 23: the first latch stores its participants, a revision and the client's own name", () => {
  const driver = createDriver();
  const latch = key("l", "latch");
  driver.run(open(1n));
  const reply = driver.ask(call(1n, { kind: "enter", key: latch, candidate: "client-7" }));
  expect(reply).toMatchObject({ term: { term: 1n, candidates: ["client-7"] }, changed: true });
});

test("bug 24: anointing the leader neither raises the term nor is an event", () => {
  const driver = queue("a", "b");
  expect(driver.run(steer("anoint", "a")).changes).toEqual([]);
  expect(show(driver.state)).toBe("1 a [a b]");
});

test("bug 25: after an anoint the next to enter does not hand the office back", () => {
  const driver = queue("a", "b");
  driver.run(steer("anoint", "b"), open(9n), enter("c", 9n));
  expect(show(driver.state)).toBe("2 b [b a c]");
});

test("bug 26: withdraw leaves the session's other candidates in", () => {
  const driver = createDriver();
  driver.run(open(1n), enter("a", 1n), enter("b", 1n), withdraw("a", 1n));
  expect(show(driver.state)).toBe("2 b [b]");
});

test("bug 27: time comes from the entry: two replicas that apply it at other times are equal", () => {
  const replicas = [createDriver().state, createDriver().state];
  const entry = { timeMs: 123_456, commands: [open(1n), enter("a", 1n)] };
  for (const state of replicas) apply(state, entry);
  expect(viewOf(replicas[0]!, KEY)?.sinceMs).toBe(123_456);
  expect(stateHash(replicas[0]!)).toBe(stateHash(replicas[1]!));
});
