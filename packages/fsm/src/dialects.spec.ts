// SPDX-License-Identifier: Apache-2.0
/**
 * What clients of S0 to S4 see: the scenarios of the originals' own tests (semantics 2.5 A, B, C), the
 * trace of S0 (4.1.6), and the sentences of A3 to A5 that concern state.
 */
import { describe, expect, test } from "vitest";
import { apply } from "./apply.ts";
import type { StreamMessage } from "./change.ts";
import type { Command } from "./command.ts";
import type { DialectOperation } from "./dialect-command.ts";
import { leaderApart, leaderFirst, type PublishedTerm } from "./projection.ts";
import { hasCreated, streamMessages, viewOf } from "./read.ts";
import type { DialectDone, Reply } from "./reply.ts";
import { restore } from "./snapshot-decoder.ts";
import { snapshot, stateHash } from "./snapshot-encoder.ts";
import {
  call,
  createDriver,
  type Driver,
  enter,
  KEY,
  key,
  open,
  showReply,
} from "./spec/driver.ts";
import type { TermView } from "./view.ts";

type Verb = "enter" | "withdraw" | "anoint" | "promote" | "demote" | "evict";
type Project = (view: TermView) => PublishedTerm;

const on = (kind: Verb, candidate: string, of = KEY): DialectOperation => ({
  kind,
  key: of,
  candidate,
});

function termOf(reply: Reply): TermView {
  expect(reply.kind).toBe("dialect-done");
  return (reply as DialectDone).term;
}

function publish(project: Project, view: TermView): string {
  const { term, leader, candidates } = project(view);
  return `${term}, ${leader || '""'}, [${candidates.join(" ")}]`;
}

/** Sessions 1 to 3 of S0 with their numbers counted, and a stream of session 1. */
function s0Clients(): { driver: Driver; ask: (id: bigint, operation: DialectOperation) => Reply } {
  const driver = createDriver();
  const numbers = new Map<bigint, number>();
  const indexed: Command = { kind: "open-indexed-session", dialect: "s0", ttlMs: 30_000 };
  driver.run(indexed, indexed, indexed);
  const ask = (id: bigint, operation: DialectOperation): Reply => {
    const number = (numbers.get(id) ?? 0) + 1;
    numbers.set(id, number);
    return driver.ask(call(id, operation, { kind: "strict", number }));
  };
  return { driver, ask };
}

const SCENARIO: readonly (readonly [bigint, Verb | "close", string, string, string])[] = [
  [1n, "enter", "e1", "1, e1, [e1]", "1, e1, []"],
  [2n, "enter", "e2", "1, e1, [e1 e2]", "1, e1, [e2]"],
  [3n, "enter", "e3", "1, e1, [e1 e2 e3]", "1, e1, [e2 e3]"],
  [3n, "promote", "e3", "1, e1, [e1 e3 e2]", "1, e1, [e3 e2]"],
  [3n, "promote", "e3", "2, e3, [e3 e1 e2]", "2, e3, [e1 e2]"],
  [2n, "anoint", "e2", "3, e2, [e2 e3 e1]", "3, e2, [e3 e1]"],
  [2n, "withdraw", "e2", "4, e3, [e3 e1]", "4, e3, [e1]"],
  [3n, "evict", "e3", "5, e1, [e1]", "5, e1, []"],
  [2n, "enter", "e2", "5, e1, [e1 e2]", "5, e1, [e2]"],
  [1n, "anoint", "e2", "6, e2, [e2 e1]", "6, e2, [e1]"],
  [2n, "close", "e2", "7, e1, [e1]", "7, e1, []"],
];

describe.each([
  ["A, S0: leader first", leaderFirst, 0],
  ["B, S3: leader apart", leaderApart, 1],
] as const)("the scenario of 15 steps, %s", (_, project, column) => {
  test("each answer and each event is what the originals' own test asserts", () => {
    const { driver, ask } = s0Clients();
    for (const id of [1n, 2n, 3n]) ask(id, { kind: "create", key: KEY });
    ask(1n, { kind: "events", key: KEY });
    expect(streamMessages(driver.state, 1n, 2)).toMatchObject([{ type: "open", responseId: 1 }]);

    for (const [id, verb, candidate, ...expected] of SCENARIO) {
      const isClose = verb === "close";
      const reply = ask(id, isClose ? { kind: "close", key: KEY } : on(verb, candidate));
      if (!isClose) expect(publish(project, termOf(reply))).toBe(expected[column]);
      const last = streamMessages(driver.state, 1n, 2)!.at(-1)!;
      expect(publish(project, last.term!)).toBe(expected[column]);
    }

    // Steps 12 to 15: closing keeps the term, deleting ends what the dialects see of it.
    ask(1n, { kind: "close", key: KEY });
    ask(3n, { kind: "close", key: KEY });
    expect(publish(project, termOf(ask(1n, { kind: "create", key: KEY })))).toBe('7, "", []');
    ask(1n, { kind: "close", key: KEY });
    expect(ask(1n, { kind: "delete", key: KEY })).toMatchObject({ changed: true });
    expect(ask(2n, { kind: "delete", key: KEY })).toMatchObject({ changed: false });
    expect(publish(project, termOf(ask(3n, { kind: "create", key: KEY })))).toBe('0, "", []');
    // The fence went on below what they see: the next leader has term 8.
    expect(publish(project, termOf(ask(3n, on("enter", "e3"))))).toContain("8, e3");
    expect(viewOf(driver.state, KEY)).toMatchObject({ term: 8n, reportedTerm: 8n });
  });
});

test("the scenario C of a latch: close hands on, vacancy keeps the revision, delete reports 0", () => {
  const driver = createDriver();
  const latch = key("l", "latch");
  driver.run(open(1n), open(2n), open(3n));
  const ask = (id: bigint, operation: DialectOperation): string =>
    publish(leaderFirst, termOf(driver.ask(call(id, operation))));

  expect(ask(1n, { kind: "create", key: latch })).toBe('0, "", []');
  expect(ask(1n, on("enter", "l1", latch))).toBe("1, l1, [l1]");
  expect(ask(2n, on("enter", "l2", latch))).toBe("1, l1, [l1 l2]");
  expect(ask(3n, on("enter", "l3", latch))).toBe("1, l1, [l1 l2 l3]");
  expect(ask(1n, { kind: "close", key: latch })).toBe("2, l2, [l2 l3]");
  expect(ask(2n, { kind: "close", key: latch })).toBe("3, l3, [l3]");
  expect(ask(3n, { kind: "close", key: latch })).toBe('3, "", []');
  expect(ask(1n, { kind: "delete", key: latch })).toBe('0, "", []');
  expect(driver.ask(call(2n, { kind: "delete", key: latch }))).toMatchObject({ changed: false });
  expect(ask(3n, { kind: "create", key: latch })).toBe('0, "", []');
});

describe("S0 sessions, numbers and streams", () => {
  test("a session's id is the index, and the index of every later answer is above it", () => {
    const { driver, ask } = s0Clients();
    expect([...driver.state.sessions.keys()]).toEqual([1n, 2n, 3n]);
    const indexes = [1n, 2n, 1n].map(
      (id) => (ask(id, { kind: "create", key: KEY }) as DialectDone).index,
    );
    expect(indexes).toEqual([4n, 5n, 6n]);
  });

  test("an index that a native session happens to have as its id is passed over", () => {
    const driver = createDriver();
    driver.run(open(2n));
    const reply = driver.ask({ kind: "open-indexed-session", dialect: "s0", ttlMs: 30_000 });
    expect(reply).toMatchObject({ sessionId: 3n, index: 3n });
  });

  test("numbers are executed strictly in order, and a gap is refused until it is filled", () => {
    const { driver } = s0Clients();
    const create = (number: number): Command =>
      call(1n, { kind: "create", key: KEY }, { kind: "strict", number });
    expect(showReply(driver.ask(create(2)))).toBe("out_of_order");
    expect(showReply(driver.ask(create(1)))).toBe("done unchanged");
    expect(showReply(driver.ask(create(2)))).toBe("done unchanged");
    expect(showReply(driver.ask(create(2)))).toBe("done unchanged replayed");
  });

  test("a voided number is refused for ever, and what waited for it is executed", () => {
    const { driver } = s0Clients();
    const create = (number: number, voidThrough?: number): Command =>
      call(
        1n,
        { kind: "create", key: KEY },
        {
          kind: "strict",
          number,
          ...(voidThrough === undefined ? {} : { voidThrough }),
        },
      );
    expect(showReply(driver.ask(create(4, 3)))).toBe("done unchanged");
    for (const number of [1, 2, 3]) {
      expect(showReply(driver.ask(create(number)))).toBe("already_answered");
    }
    expect(showReply(driver.ask(create(5)))).toBe("done unchanged");
  });

  test("a call that is refused gives up no number: what it would have voided is still executed", () => {
    const driver = createDriver();
    driver.run({ kind: "open-indexed-session", dialect: "s0", ttlMs: 10_000 });
    const create = (number: number, voidThrough = 0): Command =>
      call(1n, { kind: "create", key: KEY }, { kind: "strict", number, voidThrough });

    expect(showReply(driver.ask(create(5, 3)))).toBe("out_of_order");
    expect(showReply(driver.ask(create(1)))).toBe("done unchanged");
  });

  test("what was acknowledged is forgotten and refused; numbers never executed are not", () => {
    const { driver, ask } = s0Clients();
    ask(1n, { kind: "create", key: KEY });
    driver.run({ kind: "acknowledge-s0", sessionId: 1n, number: 50, streams: [] });
    const again = call(1n, { kind: "create", key: KEY }, { kind: "strict", number: 1 });
    expect(showReply(driver.ask(again))).toBe("already_answered");
    const next = call(1n, { kind: "create", key: KEY }, { kind: "strict", number: 2 });
    expect(showReply(driver.ask(next))).toBe("done unchanged");
  });

  test("a command of the wrong numbering is refused", () => {
    const { driver } = s0Clients();
    driver.run(open(9n));
    const create: DialectOperation = { kind: "create", key: KEY };
    expect(showReply(driver.ask(call(1n, create, { kind: "set", number: 1 })))).toBe(
      "session_mismatch",
    );
    expect(showReply(driver.ask(call(9n, create, { kind: "strict", number: 1 })))).toBe(
      "session_mismatch",
    );
    expect(showReply(driver.ask(enter("a", 1n)))).toBe("session_mismatch");
  });

  test("H: after a snapshot a stream goes on without a gap, and states stay equal", () => {
    const { driver, ask } = s0Clients();
    ask(1n, { kind: "create", key: KEY });
    ask(1n, { kind: "events", key: KEY });
    ask(1n, on("enter", "a"));
    const restored = restore(snapshot(driver.state));
    if (restored.kind !== "restored") throw new Error(restored.detail);
    expect(stateHash(restored.state)).toBe(stateHash(driver.state));

    const next = call(1n, on("enter", "b"), { kind: "strict", number: 4 });
    for (const state of [driver.state, restored.state]) {
      apply(state, { timeMs: 9_000_000, commands: [next] });
      expect(streamMessages(state, 1n, 2)!.map((m) => m.responseId)).toEqual([1, 2, 3]);
    }
    expect(stateHash(restored.state)).toBe(stateHash(driver.state));
  });

  test("H: after a snapshot the streams of an election are told in the order in which they opened", () => {
    const driver = createDriver();
    const openS0: Command = { kind: "open-indexed-session", dialect: "s0", ttlMs: 10_000 };
    driver.run(openS0, openS0, open(9n));
    for (const id of [2n, 1n]) {
      driver.run(call(id, { kind: "create", key: KEY }, { kind: "strict", number: 1 }));
      driver.run(call(id, { kind: "events", key: KEY }, { kind: "strict", number: 2 }));
    }
    const restored = restore(snapshot(driver.state));
    if (restored.kind !== "restored") throw new Error(restored.detail);

    const entry = { timeMs: 1, commands: [enter("a", 9n)] };
    const { streamMessages: told } = apply(restored.state, entry);

    expect(told.map((message) => message.sessionId)).toEqual([2n, 1n]);
  });

  test("KeepAlive trims what is listed and closes a stream that is not", () => {
    const { driver, ask } = s0Clients();
    ask(1n, { kind: "create", key: KEY });
    ask(1n, { kind: "events", key: KEY });
    ask(1n, on("enter", "a"));
    const streams = [{ streamId: 2, responseId: 1 }];
    driver.run({ kind: "acknowledge-s0", sessionId: 1n, number: 3, streams });
    expect(streamMessages(driver.state, 1n, 2)).toMatchObject([{ responseId: 2, type: "event" }]);

    const { streamMessages: sent } = driver.run({
      kind: "acknowledge-s0",
      sessionId: 1n,
      number: 3,
      streams: [],
    });
    expect(sent).toMatchObject([{ streamId: 2, responseId: 3, type: "close" }]);
    expect(streamMessages(driver.state, 1n, 2)).toBeUndefined();
  });

  test("a stream that nobody acknowledges ends with CLOSE_STREAM at its bound", () => {
    const driver = createDriver({ unacknowledgedPerStreamMax: 3 });
    driver.run({ kind: "open-indexed-session", dialect: "s0", ttlMs: 30_000 });
    const operations: DialectOperation[] = [
      { kind: "create", key: KEY },
      { kind: "events", key: KEY },
      ...["a", "b", "c", "d"].map((name) => on("enter", name)),
    ];
    for (const [i, operation] of operations.entries()) {
      driver.run(call(1n, operation, { kind: "strict", number: i + 1 }));
    }
    expect(streamMessages(driver.state, 1n, 2)!.map((m) => m.type)).toEqual([
      "open",
      "event",
      "event",
      "close",
    ]);
  });

  test("an event carries the index of the command that caused it, and always a term", () => {
    const { driver, ask } = s0Clients();
    ask(1n, { kind: "create", key: KEY });
    ask(1n, { kind: "events", key: KEY });
    const reply = ask(1n, on("enter", "a")) as DialectDone;
    const event = streamMessages(driver.state, 1n, 2)!.at(-1)!;
    expect(event).toMatchObject({ index: reply.index, term: { term: 1n, candidates: ["a"] } });
    expect(event.term!.sinceMs).toBeDefined();
  });

  test("native changes reach S0 streams, except those of metadata, which S0 does not know", () => {
    const { driver, ask } = s0Clients();
    ask(1n, { kind: "create", key: KEY });
    ask(1n, { kind: "events", key: KEY });
    driver.run(open(9n), enter("n", 9n));
    driver.run(enter("n", 9n, { metadata: new Map([["k", "v"]]) }));
    const types = streamMessages(driver.state, 1n, 2)!.map((m: StreamMessage) => m.type);
    expect(types).toEqual(["open", "event"]);
  });

  test("a command on a primitive that the session has not created is refused", () => {
    const { driver, ask } = s0Clients();
    expect(showReply(ask(1n, on("enter", "a")))).toBe("not_created");
    expect(hasCreated(driver.state, 1n, KEY)).toBe(false);
    ask(1n, { kind: "create", key: KEY });
    expect(hasCreated(driver.state, 1n, KEY)).toBe(true);
    expect(showReply(ask(1n, on("enter", "a")))).toBe("done");
  });
});

test("a session keeps no trace of primitives that it created and others deleted", () => {
  const driver = createDriver();
  driver.run(open(1n), open(2n));
  for (let i = 0; i < 20; i++) {
    const of = key(`e${i % 3}`);
    driver.run(call(1n, { kind: "create", key: of }), call(2n, { kind: "create", key: of }));
    driver.run(call(2n, { kind: "delete", key: of }));
  }

  expect(driver.state.sessions.get(1n)!.bound.size).toBe(0);
  expect(driver.state.sessions.get(2n)!.bound.size).toBe(0);
});

describe("calls that touch no session's primitives", () => {
  test("a call that passes takes its number and changes nothing, in strict order too", () => {
    const driver = createDriver();
    driver.run({ kind: "open-indexed-session", dialect: "s0", ttlMs: 30_000 });
    const ask = (number: number, operation: DialectOperation): Reply =>
      driver.ask(call(1n, operation, { kind: "strict", number }));
    expect(showReply(ask(1, { kind: "pass", key: KEY }))).toBe("done unchanged");
    expect(viewOf(driver.state, KEY)).toBeUndefined();
    expect(showReply(ask(1, { kind: "pass", key: KEY }))).toBe("done unchanged replayed");
    expect(showReply(ask(2, { kind: "create", key: KEY }))).toBe("done unchanged");
  });

  test("verbs that go by name need no session; what binds one is refused without", () => {
    const driver = createDriver();
    driver.run(open(1n), enter("a", 1n), enter("b", 1n));
    expect(publish(leaderFirst, termOf(driver.ask(call(0n, on("anoint", "b")))))).toBe(
      "2, b, [b a]",
    );
    expect(publish(leaderFirst, termOf(driver.ask(call(0n, on("withdraw", "b")))))).toBe(
      "3, a, [a]",
    );
    expect(showReply(driver.ask(call(0n, on("evict", "nobody"))))).toBe("done unchanged");
    expect(driver.ask(call(0n, on("enter", "c")))).toMatchObject({ reason: "invalid_field" });
    expect(driver.ask(call(0n, { kind: "close", key: KEY }))).toMatchObject({
      reason: "invalid_field",
    });
    const numbered = call(0n, on("anoint", "a"), { kind: "once", number: 1n });
    expect(driver.ask(numbered)).toMatchObject({ reason: "invalid_field" });
    expect(showReply(driver.ask(call(0n, { kind: "delete", key: KEY })))).toBe("done");
  });

  test("what nobody creates comes to exist, is bound to nobody, and can be deleted once", () => {
    const driver = createDriver();
    const ask = (kind: "create" | "delete"): string =>
      showReply(driver.ask(call(0n, { kind, key: KEY })));
    expect(ask("create")).toBe("done unchanged");
    expect([...driver.state.elections.values()]).toMatchObject([{ queue: [] }]);
    expect(ask("delete")).toBe("done");
    expect(ask("delete")).toBe("done unchanged");
  });
});
