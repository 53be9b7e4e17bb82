// SPDX-License-Identifier: Apache-2.0
/** Pages that are closed, kept and brought back, with all of a page's parts together. */
import { expect, test } from "vitest";
import type { Leadership } from "./leadership.ts";
import { createWebWorld } from "./web-link-world.ts";

const TTL_MS = 60_000;

test("when the leading page is closed its leadership is over and the server is told within the event", async () => {
  const world = createWebWorld();
  const [a, b] = [await world.open(), await world.open()];
  const first = a.client.election("orders").campaign({ candidate: "a", ttlMs: TTL_MS });
  await world.advance(500);
  const second = b.client.election("orders").campaign({ candidate: "b", ttlMs: TTL_MS });
  await world.advance(500);
  const held = await first;

  a.scope.dispatchEvent(new Event("pagehide"));

  expect(held.signal.aborted).toBe(true);
  expect(a.network.calls.at(-1)).toMatchObject({ name: "CloseSession", keepalive: true });
  await world.advance(100);
  expect(String((await second).assertHeld())).toBe("orders#2");
  expect(a.network.calls.at(-1)).toMatchObject({ name: "CloseSession" });
  expect(a.network.openCount).toBe(0);
});

test("a page that is brought back believes nothing of what it held, and serves again", async () => {
  const world = createWebWorld();
  const a = await world.open();
  const stop = new AbortController();
  const held: Leadership[] = [];
  const work = async (leadership: Leadership): Promise<void> => {
    held.push(leadership);
    await new Promise<void>((resolve) => {
      leadership.signal.addEventListener("abort", () => resolve(), { once: true });
    });
  };
  const serving = a.client
    .election("orders")
    .serve(work, { ttlMs: TTL_MS, drainMs: 0, signal: stop.signal });
  await world.advance(500);

  a.scope.dispatchEvent(new Event("pagehide"));
  await world.advance(10 * TTL_MS);
  expect(held.map((leadership) => leadership.remainingMs)).toEqual([0]);
  a.scope.dispatchEvent(new Event("pageshow"));
  expect(held.map((leadership) => leadership.remainingMs)).toEqual([0]);
  await world.advance(5_000);

  expect(held.map(({ fence }) => String(fence))).toEqual(["orders#1", "orders#2"]);
  expect(held[0]?.signal.reason).toMatchObject({ code: "EXPIRED" });
  expect(String(held[1]?.assertHeld())).toBe("orders#2");
  stop.abort();
  await world.advance(1_000);
  await serving;
});
