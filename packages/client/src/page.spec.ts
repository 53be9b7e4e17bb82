// SPDX-License-Identifier: Apache-2.0
/** What a page survives that a process never meets: to stand still, to be put away, to come back. */
import { expect, test } from "vitest";
import type { CampaignState } from "./election.ts";
import type { Leadership } from "./leadership.ts";
import { createWorld, nameOn } from "./memory/memory-world.ts";

const TTL_MS = 1_000;

test("a leader that stood still believes nothing until a renewal sent afterwards is confirmed", async () => {
  const world = createWorld();
  const a = await world.start();
  const states: CampaignState[] = [];
  const onState = (state: CampaignState): void => void states.push(state);
  const held = await a.client.election("orders").campaign({ ttlMs: TTL_MS, onState });
  await world.settle();

  a.page.interrupted();

  expect(codeOf(held)).toBe("SUSPENDED");
  expect(held.remainingMs).toBe(0);
  await world.settle();
  expect(codeOf(held)).toBe("held");
  expect(held.signal.aborted).toBe(false);
  expect(states.slice(-3)).toEqual(["leading", "suspended", "leading"]);
});

test("what was confirmed of renewals from before it stood still ends no doubt", async () => {
  const world = createWorld();
  const a = await world.start();
  const held = await a.client.election("orders").campaign({ ttlMs: TTL_MS });
  let isFirst = true;
  a.fromServer = (frame) => {
    if (frame.leases.length === 0) return frame;
    // The first answers a renewal that was on its way when the page stood still.
    if (!isFirst) return { ...frame, leases: [] };
    isFirst = false;
    a.page.interrupted();
    return frame;
  };

  await world.advance(TTL_MS / 4);

  expect(isFirst).toBe(false);
  expect(codeOf(held)).toBe("SUSPENDED");
});

test("an interruption on one partition that nobody can confirm leaves the others' offices to be confirmed", async () => {
  const world = createWorld();
  const a = await world.start();
  const here = await a.client.election(nameOn(1)).campaign({ ttlMs: TTL_MS });
  const there = await a.client.election(nameOn(2)).campaign({ ttlMs: TTL_MS });
  world.server.stall(2, true);

  a.page.interrupted();
  await world.settle();

  expect([codeOf(here), codeOf(there)]).toEqual(["held", "SUSPENDED"]);
});

test("one that stood still for longer than the server waits is told by it that it no longer leads", async () => {
  const world = createWorld();
  const a = await world.start();
  const held = await a.client.election("orders").campaign({ candidate: "a", ttlMs: TTL_MS });
  // Its clocks both say that no time has passed; the server has counted.
  world.server.endSessionOf("orders", "a");

  a.page.interrupted();
  expect(codeOf(held)).toBe("SUSPENDED");
  await world.settle();

  expect(codeOf(held)).toBe("EXPIRED");
});

test("of a page that is put away, the next candidate leads at once, and not before its signal aborted", async () => {
  const world = createWorld();
  const [a, b] = [await world.start(), await world.start()];
  const held = await a.client.election("orders").campaign({ candidate: "a", ttlMs: TTL_MS });
  const next = b.client.election("orders").campaign({ candidate: "b", ttlMs: TTL_MS });
  await world.settle();
  let leaderAtAbort: string | undefined;
  let framesAtAbort = 0;
  held.signal.addEventListener("abort", () => {
    leaderAtAbort = world.server.election("orders")?.list[0]?.name;
    framesAtAbort = a.sent.length;
  });

  a.page.departing();

  // Within the turn: a page may not have another one.
  expect(held.signal.aborted).toBe(true);
  expect(a.sent.length).toBe(framesAtAbort + 1);
  expect(a.sent.at(-1)?.frame.closeSession).toBe(true);
  expect(leaderAtAbort).toBe("a");
  await world.settle();
  expect((await next).fence.term).toBe(2n);
});

test("serve stands again, in a new session, when its page is back", async () => {
  const world = createWorld();
  const a = await world.start();
  const stop = new AbortController();
  const terms: bigint[] = [];
  const serving = a.client.election("orders").serve(
    async (leadership) => {
      terms.push(leadership.fence.term);
      await untilAborted(leadership);
    },
    { candidate: "a", ttlMs: TTL_MS, signal: stop.signal },
  );
  await world.settle();

  a.page.departing();
  a.isAway = true;
  await world.advance(10 * TTL_MS);
  expect(world.server.election("orders")?.list).toEqual([]);
  expect(terms).toEqual([1n]);
  a.isAway = false;
  await world.advance(10 * TTL_MS);

  expect(terms).toEqual([1n, 2n]);
  expect(a.sessionIds).toHaveLength(2);
  stop.abort();
  await serving;
});

test("a candidate in line leaves it with its page, and waits again when that is back", async () => {
  const world = createWorld();
  const [a, b] = [await world.start(), await world.start()];
  const first = await a.client.election("orders").campaign({ candidate: "a", ttlMs: TTL_MS });
  const second = b.client.election("orders").campaign({ candidate: "b", ttlMs: TTL_MS });
  await world.settle();
  const names = (): string[] | undefined =>
    world.server.election("orders")?.list.map(({ name }) => name);

  b.page.departing();
  b.isAway = true;
  await world.settle();
  expect(names()).toEqual(["a"]);
  b.isAway = false;
  await world.advance(10 * TTL_MS);
  expect(names()).toEqual(["a", "b"]);

  await first.resign();
  expect((await second).fence.term).toBe(2n);
});

test("a client that is closed hears nothing of its page any more", async () => {
  const world = createWorld();
  const a = await world.start();
  await a.client.election("orders").campaign({ ttlMs: TTL_MS });
  await a.client.close();
  const before = a.sent.length;

  a.page.interrupted();
  a.page.departing();
  await world.settle();

  expect(a.sent).toHaveLength(before);
});

function codeOf(leadership: Leadership): string {
  try {
    leadership.assertHeld();
    return "held";
  } catch (error) {
    return (error as { readonly code: string }).code;
  }
}

function untilAborted({ signal }: Leadership): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
