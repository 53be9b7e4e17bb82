// SPDX-License-Identifier: Apache-2.0
/** Sessions on a partition (semantics A1, A2; schedules I, P). */
import { expect, test } from "vitest";
import { officeRevisionOf, sessionOf, sessions } from "./read.ts";
import {
  close,
  createDriver,
  enter,
  expire,
  key,
  NO_METADATA,
  open,
  show,
  showChange,
  showReply,
  steer,
  withdraw,
} from "./spec/driver.ts";

test("a session that opens again under the same options was already open", () => {
  const driver = createDriver();
  expect(driver.ask(open(1n))).toMatchObject({ kind: "session-opened", already: false });
  expect(driver.ask(open(1n))).toMatchObject({ kind: "session-opened", already: true });
});

test.each([
  ["another TTL", { ttlMs: 11_000 }],
  ["another grace", { graceMs: 500 }],
  ["other labels", { labels: new Map([["host", "x"]]) }],
  ["another principal", { principal: "eve" }],
])("a session that opens again under %s is refused", (_, other) => {
  const driver = createDriver();
  driver.run(open(1n));
  const options = { ttlMs: 10_000, graceMs: 0, labels: NO_METADATA, ...other };

  const reply = driver.ask({ kind: "open-session", sessionId: 1n, ...options });

  expect(showReply(reply)).toBe("session_mismatch");
});

test("a native opening does not find a session of S0 or S1 open, whose commands are of another kind", () => {
  const driver = createDriver();
  driver.run({ kind: "open-indexed-session", dialect: "s0", ttlMs: 10_000 });

  expect(showReply(driver.ask(open(1n)))).toBe("session_mismatch");
});

test("I: the id of a session that ended never comes back", () => {
  const driver = createDriver();
  driver.run(open(1n), close(1n));

  expect(showReply(driver.ask(open(1n)))).toBe("session_ended");
  expect(showReply(driver.ask(enter("a", 1n)))).toBe("session_ended");
  expect(sessionOf(driver.state, 1n)).toBe("ended");
});

test("the last ended sessions are remembered, and the oldest of them is forgotten first", () => {
  const driver = createDriver({ endedSessionsMax: 2 });
  for (const id of [1n, 2n, 3n]) driver.run(open(id), close(id));

  expect(sessionOf(driver.state, 1n)).toBeUndefined();
  expect(sessionOf(driver.state, 2n)).toBe("ended");
  expect(sessionOf(driver.state, 3n)).toBe("ended");
});

test("entering needs a session that is registered on this partition", () => {
  const driver = createDriver();
  expect(showReply(driver.ask(enter("a", 7n)))).toBe("session_unknown");
  expect(show(driver.state)).toBe("0 - []");
});

test("one batch may open a session and enter with it", () => {
  const driver = createDriver();
  const { replies, sessionsOpened } = driver.run(open(1n), enter("a", 1n));

  expect(replies.map(showReply)).toEqual(["session-opened", "done"]);
  expect(sessionsOpened).toEqual([{ sessionId: 1n, ttlMs: 10_000, graceMs: 0 }]);
  expect([...sessions(driver.state)]).toEqual(sessionsOpened);
});

test("closing a session is resigning where it leads and withdrawing where it waits", () => {
  const driver = createDriver();
  const [e, f] = [key("e"), key("f")];
  driver.run(open(1n), open(2n), enter("a", 1n, { key: e }), enter("b", 2n, { key: e }));
  driver.run(enter("b", 2n, { key: f }), enter("a", 1n, { key: f }));

  const { changes, sessionsEnded } = driver.run(close(1n));

  expect(changes.map((c) => `${c.key.name}: ${showChange(c)}`)).toEqual([
    "e: resigned 2 b",
    "f: withdrawn 1 b",
  ]);
  expect(sessionsEnded).toEqual([{ sessionId: 1n, cause: "closed" }]);
});

test("closing or expiring a session that is not here changes nothing", () => {
  const driver = createDriver();
  const { replies, changes } = driver.run(close(9n), expire(9n));

  expect(replies).toMatchObject([{ already: true }, { ended: 0 }]);
  expect(changes).toEqual([]);
});

test("P: leader and second in line that expire in one entry are one event and one new term", () => {
  const driver = createDriver();
  driver.run(open(1n), open(2n), open(3n), enter("a", 1n), enter("b", 2n), enter("c", 3n));

  const { changes } = driver.run(expire(1n), expire(2n));

  expect(changes.map(showChange)).toEqual(["expired 2 c"]);
  expect(changes[0]!.left).toMatchObject([
    { candidate: { name: "a" }, position: 0 },
    { candidate: { name: "b" }, position: 1 },
  ]);
  expect(show(driver.state)).toBe("2 c [c]");
});

test("P: sessions of one entry end together although other commands stand between", () => {
  const driver = createDriver();
  driver.run(open(1n), open(2n), open(3n), enter("a", 1n), enter("b", 2n), enter("c", 3n));

  const { changes, replies } = driver.run(close(1n), enter("d", 2n), expire(2n));

  expect(replies.map(showReply)).toEqual(["session-closed", "session_ended", "sessions-expired"]);
  expect(replies[2]).toMatchObject({ ended: 1 });
  expect(changes.map(showChange)).toEqual(["resigned 2 c"]);
});

test("P: a command that is refused ends nobody, although one before it in its entry ended a session", () => {
  const driver = createDriver();
  driver.run(open(1n), open(2n), enter("a", 2n));

  const { replies } = driver.run(close(1n), expire(2n, 0n));

  expect(replies.map(showReply)).toEqual(["session-closed", "invalid_field"]);
  expect(sessionOf(driver.state, 2n)).toMatchObject({ sessionId: 2n });
  expect(show(driver.state)).toBe("1 a [a]");
});

test("a session that opens and closes in one entry, after another ended, is gone", () => {
  const driver = createDriver();
  driver.run(open(1n));
  driver.run(close(1n), open(2n), enter("a", 2n), close(2n));

  expect([...sessions(driver.state)]).toEqual([]);
  expect(show(driver.state)).toBe("1 - []");
});

test("elections that an end touches change in the order of their keys", () => {
  const driver = createDriver();
  const names = ["m", "z", "a", "k"];
  driver.run(open(1n), ...names.map((name) => enter("x", 1n, { key: key(name) })));

  const { changes } = driver.run(expire(1n));

  expect(changes.map((c) => c.key.name)).toEqual(["a", "k", "m", "z"]);
});

test("the cause of a common end is that of the leader, where the leader is among them", () => {
  const driver = createDriver();
  driver.run(open(1n), open(2n), open(3n), enter("a", 1n), enter("b", 2n), enter("c", 3n));

  const { changes } = driver.run({
    kind: "expire-sessions",
    sessions: [
      { sessionId: 2n, cause: "expired" },
      { sessionId: 1n, cause: "disconnected" },
    ],
  });

  expect(changes.map(showChange)).toEqual(["disconnected 2 c"]);
});

test("officeRevision is the revision of the last gain or loss of office, and of nothing else", () => {
  const driver = createDriver();
  const office = (): readonly (bigint | undefined)[] =>
    [1n, 2n, 3n].map((id) => officeRevisionOf(driver.state, id));
  driver.run(open(1n), open(2n), open(3n));
  expect(office()).toEqual([0n, 0n, 0n]);
  driver.run(enter("a", 1n), enter("b", 2n), enter("c", 3n));
  expect(office()).toEqual([1n, 0n, 0n]);
  driver.run(steer("promote", "c"));
  expect(office()).toEqual([1n, 0n, 0n]);
  driver.run(steer("anoint", "b"));
  expect(office()).toEqual([5n, 5n, 0n]);
  driver.run(enter("b", 3n, { takeover: true }));
  expect(office()).toEqual([5n, 6n, 6n]);
  driver.run(withdraw("b", 3n));
  expect(office()).toEqual([7n, 6n, 7n]);
});

test("a session's end touches its own candidacies and leaves all others alone", () => {
  const driver = createDriver();
  driver.run(open(1n), open(2n));
  for (let i = 0; i < 50; i++) driver.run(enter("a", i % 2 === 0 ? 1n : 2n, { key: key(`e${i}`) }));

  const { changes } = driver.run(close(1n));

  expect(changes).toHaveLength(25);
  expect(sessionOf(driver.state, 2n)).toMatchObject({ candidacies: { length: 25 } });
});

test("leaving an office vacant is a loss of office for a session that lives on", () => {
  const driver = createDriver();
  driver.run(open(1n), enter("a", 1n));
  driver.run(withdraw("a", 1n));
  expect(officeRevisionOf(driver.state, 1n)).toBe(2n);
});
