// SPDX-License-Identifier: Apache-2.0
/** Sessions that are connections, or names that connections bring (semantics A2), by calls of their own. */

import type { SessionId } from "@conclave/fsm";
import { describe, expect, test } from "vitest";
import { createMemoryNode, settled } from "../replica/memory-node.ts";
import {
  ask,
  atFollower,
  type Caller,
  carrierOf,
  causeOf,
  GRACE_MS,
  isOpen,
  KEY,
  listOf,
  sessionOf,
  sessionsOf,
} from "./memory-carriers.ts";
import { MemoryConnection } from "./memory-connection.ts";

describe("a session", () => {
  test("lives for as long as its connection, and a grace", async () => {
    const place = createMemoryNode();
    const connection = new MemoryConnection();
    const session = sessionOf(sessionsOf(place), { connection });
    await ask(place, session, "enter");

    await place.advance(60_000);
    expect(isOpen(place, session.sessionId)).toBe(true);
    connection.close();
    await place.advance(GRACE_MS - 100);
    expect(listOf(place)).toBe("1 [a]");
    await place.advance(600);

    expect(isOpen(place, session.sessionId)).toBe(false);
    expect(listOf(place)).toBe("1 []");
  });

  test("is the same for all connections that use its name, and for nobody else", () => {
    const sessions = sessionsOf(createMemoryNode());
    const connection = new MemoryConnection();
    const idOf = (caller: Caller): SessionId => sessionOf(sessions, caller).sessionId;

    const named = idOf({ connection, name: "s" });
    expect(idOf({ connection: new MemoryConnection(), name: "s" })).toBe(named);
    const others = [
      idOf({ connection, name: "t" }),
      idOf({ connection }),
      idOf({ connection: new MemoryConnection() }),
    ];

    expect(new Set([named, ...others]).size).toBe(4);
    const s4 = sessions.of({ ...carrierOf({ connection, name: "s" }), dialect: "s4" });
    expect(s4).not.toMatchObject({ sessionId: named });
  });

  test("whose last connection closes and comes back within the grace is the same, without a new term", async () => {
    const place = createMemoryNode();
    const sessions = sessionsOf(place);
    const [first, second] = [new MemoryConnection(), new MemoryConnection()];
    const before = sessionOf(sessions, { connection: first, name: "s" });
    sessionOf(sessions, { connection: second, name: "s" });
    await ask(place, before, "enter");

    first.close();
    await place.advance(30_000);
    second.close();
    await place.advance(9_500);
    const third = new MemoryConnection();
    const after = sessionOf(sessions, { connection: third, name: "s" });
    await ask(place, after, "enter");
    await place.advance(30_000);

    expect(after.sessionId).toBe(before.sessionId);
    expect(listOf(place)).toBe("1 [a]");
    expect(after.lost.aborted).toBe(false);
  });

  test("that comes back after its grace is another one, which begins at the end of the list", async () => {
    const place = createMemoryNode();
    const sessions = sessionsOf(place);
    const [connection, other] = [new MemoryConnection(), new MemoryConnection()];
    const before = sessionOf(sessions, { connection, name: "s" });
    await ask(place, before, "enter");
    await ask(place, sessionOf(sessions, { connection: other }), "enter", { candidate: "b" });

    connection.close();
    await place.advance(GRACE_MS + 500);
    const after = sessionOf(sessions, { connection: new MemoryConnection(), name: "s" });
    await ask(place, after, "enter");

    expect(after.sessionId).not.toBe(before.sessionId);
    expect(listOf(place)).toBe("2 [b a]");
  });

  test("is renewed through a change of leader, by a node that leads nothing too", async () => {
    const place = await atFollower();
    const session = sessionOf(sessionsOf(place), { connection: new MemoryConnection() });
    await ask(place, session, "enter");

    for (const leader of [3, 1, 2, 3]) {
      place.group(1).lead(leader);
      await place.advance(9_000);
    }

    expect(session.lost.aborted).toBe(false);
    expect(listOf(place)).toBe("1 [a]");
  });

  test("is registered where it has business, and lives by each of its partitions", async () => {
    const place = createMemoryNode(3);
    const session = sessionOf(sessionsOf(place), { connection: new MemoryConnection() });
    const names = ["a", "b", "c", "d", "e"];
    for (const name of names) await ask(place, session, "enter", { name });

    await place.advance(30_000);

    expect(names.map((name) => listOf(place, name))).toEqual(names.map(() => "1 [a]"));
  });

  test("that none of its calls has opened in time is opened by the next, and lives", async () => {
    const place = await atFollower();
    const session = sessionOf(sessionsOf(place), { connection: new MemoryConnection() });
    place.group(1).loseLeader();
    const first = ask(place, session, "enter");
    await place.advance(15_000);
    expect(causeOf(await first)).toBe("unavailable");

    place.group(1).lead(3);
    expect(causeOf(await ask(place, session, "enter"))).toBe("done");
    await place.advance(30_000);

    expect(session.lost.aborted).toBe(false);
    expect(listOf(place)).toBe("1 [a]");
  });
});

describe("without a connection that lasts", () => {
  test.each([
    ["over HTTP/1.1", new MemoryConnection(false)],
    ["through nothing that is known", undefined],
  ])("%s a caller has no session, unless it brings one", (_, connection) => {
    const sessions = sessionsOf(createMemoryNode());
    const caller = connection === undefined ? {} : { connection };

    expect(sessions.of(carrierOf({ ...caller, name: "s" }))).toMatchObject({
      cause: "precondition",
      message: expect.stringContaining("session-id"),
    });
    expect(sessions.find(carrierOf(caller))).toBeUndefined();
    expect(sessionOf(sessions, { ...caller, nativeSession: "7" }).sessionId).toBe(7n);
  });

  test.each(["", "0", "-1", "07", "1e3", "18446744073709551616", "seven"])(
    "%j is no id of a session",
    (nativeSession) => {
      const sessions = sessionsOf(createMemoryNode());

      expect(sessions.of(carrierOf({ nativeSession }))).toMatchObject({ cause: "invalid" });
    },
  );

  test.each(["s0", "s1"] as const)(
    "a session of %s is no native one, though its id can be guessed",
    async (dialect) => {
      const place = createMemoryNode();
      place.node.homeOf(KEY).submit({
        commands: [{ kind: "open-indexed-session", dialect, ttlMs: 60_000 }],
        giveUpAtMs: place.node.giveUpAtMs(),
        mayUseReserve: true,
        settle: () => {},
      });
      await settled();

      const session = sessionOf(sessionsOf(place), { nativeSession: "1" });
      expect(causeOf(await ask(place, session, "enter"))).toBe("forbidden");

      expect(listOf(place)).toBe("0 []");
    },
  );

  test("a native session is its owner's to renew, and gone when it is", async () => {
    const place = createMemoryNode();
    const session = sessionOf(sessionsOf(place), { nativeSession: "7" });
    expect(causeOf(await ask(place, session, "enter"))).toBe("forbidden");
    const opening = { kind: "open-session", sessionId: 7n, ttlMs: 2_000, graceMs: 0 } as const;
    place.node.homeOf(KEY).submit({
      commands: [{ ...opening, labels: new Map() }],
      giveUpAtMs: place.node.giveUpAtMs(),
      mayUseReserve: true,
      settle: () => {},
    });
    await settled();

    expect(causeOf(await ask(place, session, "enter"))).toBe("done");
    await place.advance(2_600);

    expect(listOf(place)).toBe("1 []");
  });
});

test("a name too many is refused, and taken once another has gone; those that are there go on", async () => {
  const place = createMemoryNode();
  const sessions = sessionsOf(place, { keptMax: 2 });
  const connection = new MemoryConnection();
  const first = sessionOf(sessions, { connection, name: "a" });
  sessionOf(sessions, { connection: new MemoryConnection() });
  await ask(place, first, "enter");

  expect(sessions.of(carrierOf({ connection, name: "c" }))).toMatchObject({ cause: "exhausted" });
  expect(sessions.of(carrierOf({ connection, name: "a" }))).toBe(first);
  await ask(place, first, "close");

  expect(sessions.of(carrierOf({ connection, name: "c" }))).toMatchObject({ lost: {} });
});

describe("nothing is left behind", () => {
  test("by 1,000 connections that come and go", async () => {
    const place = createMemoryNode(2);
    const sessions = sessionsOf(place);
    const timers = place.clock.pendingTimers;
    const connections = Array.from({ length: 1_000 }, () => new MemoryConnection());
    for (const [i, connection] of connections.entries()) {
      const session = sessionOf(sessions, { connection, name: i % 2 === 0 ? "" : `s${i}` });
      if (i % 10 === 0) continue;
      await ask(place, session, i % 3 === 0 ? "create" : "enter", { candidate: `c${i}` });
    }
    expect(sessions.size).toBe(1_000);

    for (const connection of connections) connection.close();
    await place.advance(GRACE_MS + 3_000);

    expect(sessions.size).toBe(0);
    expect(place.clock.pendingTimers).toBe(timers);
    expect(listOf(place)).toMatch(/ \[\]$/);
    expect(place.node.partitions.flatMap((each) => [...each.state.sessions.keys()])).toEqual([]);
    expect(connections.filter(({ listenerCount }) => listenerCount > 0)).toEqual([]);
  });

  test("by a connection that closes before its first call is answered", async () => {
    const place = createMemoryNode();
    const sessions = sessionsOf(place);
    const connection = new MemoryConnection();
    const entered = ask(place, sessionOf(sessions, { connection }), "enter");
    connection.close();
    await entered;
    await place.advance(GRACE_MS + 3_000);

    expect(sessions.size).toBe(0);
    expect(listOf(place)).toBe("1 []");
  });

  test("by one that was closed before it was known here", async () => {
    const connection = new MemoryConnection();
    connection.close();
    const sessions = sessionsOf(createMemoryNode());
    sessionOf(sessions, { connection });

    expect(sessions.size).toBe(0);
  });

  test("by the names that one connection has used, once all is closed that they opened", async () => {
    const place = createMemoryNode();
    const sessions = sessionsOf(place);
    const connection = new MemoryConnection();
    for (const name of ["s", "t"]) {
      const session = sessionOf(sessions, { connection, name });
      for (const election of ["e", "f"]) {
        await ask(place, session, "enter", { name: election, candidate: name });
      }
      await ask(place, session, "close", { name: "e" });
      await ask(place, session, "close", { name: "f" });
    }
    expect(sessions.size).toBe(0);
    await place.advance(GRACE_MS + 500);

    expect([...place.node.partition(1).state.sessions.keys()]).toEqual([]);
    expect(connection.listenerCount).toBe(0);
  });

  test("but a name that has something open still is renewed on", async () => {
    const place = createMemoryNode();
    const sessions = sessionsOf(place);
    const session = sessionOf(sessions, { connection: new MemoryConnection(), name: "s" });
    for (const election of ["e", "f"]) await ask(place, session, "enter", { name: election });
    await ask(place, session, "close", { name: "f" });
    await place.advance(30_000);

    expect(listOf(place, "e")).toBe("1 [a]");
  });
});
