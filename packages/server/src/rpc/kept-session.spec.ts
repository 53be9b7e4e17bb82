// SPDX-License-Identifier: Apache-2.0
/** What becomes of a session when its node can renew it no more (semantics A2). */

import { describe, expect, test } from "vitest";
import { createMemoryNode, settled } from "../replica/memory-node.ts";
import type { CarrierSession } from "./carrier-sessions.ts";
import { KeptSession } from "./kept-session.ts";
import {
  ask,
  atFollower,
  carrierOf,
  causeOf,
  GRACE_MS,
  KEY,
  listOf,
  sessionOf,
  sessionsOf,
} from "./memory-carriers.ts";
import { MemoryConnection } from "./memory-connection.ts";

describe("a node that cannot renew a session", () => {
  test("gives it up before anybody else may lead, and its calls end with UNAVAILABLE", async () => {
    const place = await atFollower();
    const sessions = sessionsOf(place);
    const connection = new MemoryConnection();
    const session = sessionOf(sessions, { connection });
    await ask(place, session, "enter");
    place.peers.fault(2, 1, "hold");

    const waiting = session.call(
      { kind: "enter", key: KEY, candidate: "b" },
      { giveUpAtMs: 60_000 },
    );
    await place.advance(GRACE_MS - 2_000);
    expect(session.lost.aborted).toBe(false);
    await place.advance(1_999);
    expect(session.lost.aborted).toBe(true);
    expect(causeOf(await waiting)).toBe("unavailable");
    expect(place.at(1).node.homeOf(KEY).view(KEY).leader).toMatchObject({ name: "a" });

    expect(sessions.size).toBe(0);
    expect(sessionOf(sessions, { connection }).sessionId).not.toBe(session.sessionId);
  });

  test.each([
    ["and finds it alive, keeps it", undefined, false],
    ["and still cannot, gives it up", "hold", true],
  ] as const)("since it stood still for longer than a TTL, %s", async (_, fault, isLost) => {
    const place = await atFollower();
    let stoodStillMs = 0;
    const monotonicMs = (): number => place.clock.monotonicMs() + stoodStillMs;
    const clock = { ...place.clock, monotonicMs };
    const session = sessionOf(sessionsOf({ node: place.node, clock }), {
      connection: new MemoryConnection(),
    });
    await ask(place, session, "enter");

    stoodStillMs = 2 * GRACE_MS;
    place.peers.fault(2, 1, fault);
    await place.advance(2_600);
    expect(session.lost.aborted).toBe(false);
    await place.advance(2_500);

    expect(session.lost.aborted).toBe(isLost);
  });

  test("says so at the next call, where the session was ended by somebody else", async () => {
    const place = createMemoryNode();
    const sessions = sessionsOf(place);
    const connection = new MemoryConnection();
    const session = sessionOf(sessions, { connection });
    await ask(place, session, "enter");
    const { sessionId } = session;
    place.node.homeOf(KEY).submit({
      commands: [{ kind: "close-session", sessionId }],
      giveUpAtMs: place.node.giveUpAtMs(),
      mayUseReserve: true,
      settle: () => {},
    });
    await settled();

    expect(causeOf(await ask(place, session, "enter"))).toBe("unavailable");
    expect(session.lost.aborted).toBe(true);
    const next = sessionOf(sessions, { connection });
    expect(causeOf(await ask(place, next, "enter"))).toBe("done");

    expect(listOf(place)).toBe("2 [a]");
  });

  test("that shuts down begins no session any more, and leaves the others to their TTL", async () => {
    const place = await atFollower();
    const sessions = sessionsOf(place);
    const connection = new MemoryConnection();
    const session = sessionOf(sessions, { connection });
    await ask(place, session, "enter");

    place.node.beginShutdown();
    expect(sessions.size).toBe(0);
    expect(sessions.of(carrierOf({ connection }))).toMatchObject({ cause: "unavailable" });
    const home = place.at(1).node.homeOf(KEY);
    await place.advance(GRACE_MS - 1_000);
    expect(home.view(KEY).leader).toBeDefined();
    await place.advance(1_600);

    expect(home.view(KEY).leader).toBeUndefined();
  });
});

test("nothing is kept of the primitives that a session has watched", async () => {
  const place = createMemoryNode();
  const session = sessionOf(sessionsOf(place), { connection: new MemoryConnection() });
  const callers = [1, 2, 3].map(() => new AbortController());
  const holds = callers.map(({ signal }, i) => session.watch({ ...KEY, name: `e${i}` }, signal));
  expect(watchedCountOf(session)).toBe(3);

  callers[0]?.abort();
  holds[1]?.leave();
  await ask(place, session, "close", { name: "e2" });

  expect(watchedCountOf(session)).toBe(0);
  expect(holds.map(({ ending }) => ending.aborted)).toEqual([true, false, true]);
});

function watchedCountOf(session: CarrierSession): number {
  return session instanceof KeptSession ? session.watchedCount : Number.NaN;
}
