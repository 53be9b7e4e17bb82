// SPDX-License-Identifier: Apache-2.0
/** The README's examples: compiled with the specs, run here, and the same in both places. */
import { readFileSync } from "node:fs";
import { type Client, ElectionError, type Leadership } from "@conclave/client";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createMemoryElections, TestCluster } from "./index.ts";

let ending: AbortController;
let stop: AbortSignal;

beforeEach(() => {
  ending = new AbortController();
  stop = ending.signal;
});

afterEach(() => ending.abort());

// README 1
async function ship(client: Client, orders: string[], stop: AbortSignal): Promise<void> {
  const work = async (leadership: Leadership): Promise<void> => {
    orders.push(`term ${leadership.fence.term}`);
    await untilAborted(leadership.signal);
    orders.push(`over: ${codeOf(leadership.signal.reason)}`);
  };
  await client.election("orders").serve(work, { ttlMs: 1_000, signal: stop });
}
// end

test("work that is cut off in memory is told, and another leads", async () => {
  // README 2
  const elections = createMemoryElections();
  const [a, b] = [await elections.connect(), await elections.connect()];
  const orders: string[] = [];
  const shipping = ship(a, orders, stop);
  await elections.settle();
  const next = b.election("orders").campaign();

  elections.cut(a);
  await elections.advance(1_100);

  expect(orders).toEqual(["term 1", "over: EXPIRED"]);
  expect((await next).fence.term).toBe(2n);
  // end
  ending.abort();
  await shipping;
});

test("a frozen process finds out by itself that it does not lead any more", async () => {
  // README 3
  const elections = createMemoryElections();
  const client = await elections.connect();
  const leadership = await client.election("orders").campaign({ ttlMs: 1_000 });

  elections.clock.advance(5_000);

  expect(() => leadership.assertHeld()).toThrow();
  // end
});

test("an office outlives the server that gave it", async () => {
  // README 4
  await using cluster = await TestCluster.start({ nodes: 3 });
  const client = await cluster.connect();
  const leadership = await client.election("orders").campaign();

  await cluster.kill(await cluster.leaderOf("orders"));

  const check = await client.election("orders").checkFence(leadership.fence.term);
  expect(check.status).toBe("current"); // The office outlives the server that gave it.
  // end
});

test("work that is cut off from real servers is told, and another leads", async () => {
  // README 5
  await using cluster = await TestCluster.start({ nodes: 3 });
  const [a, b] = [await cluster.connect(), await cluster.connect()];
  const orders: string[] = [];
  const shipping = ship(a, orders, stop);
  await untilTrue(() => orders.includes("term 1"));
  const next = b.election("orders").campaign();

  cluster.partition([1, a], [2, 3, b]);

  expect((await next).fence.term).toBe(2n);
  expect(orders).toEqual(["term 1", "over: EXPIRED"]);
  cluster.heal();
  // end
  ending.abort();
  await shipping;
});

test("the README shows the examples that are run here", () => {
  const readme = readFileSync(new URL("../README.md", import.meta.url), "utf8");
  const source = readFileSync(new URL("./readme.spec.ts", import.meta.url), "utf8");
  const shown = [...readme.matchAll(/```ts\n(.*?)```/gs)].map(([, code]) => code);

  const run = [...source.matchAll(/( *)\/\/ README \d\n(.*?) *\/\/ end\n/gs)].map(
    ([, indent, code]) => code?.replaceAll(new RegExp(`^${indent}`, "gm"), ""),
  );

  expect(run).toEqual(shown);
});

function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve()));
}

function untilTrue(look: () => boolean): Promise<void> {
  return expect.poll(look).toBe(true);
}

function codeOf(reason: unknown): string {
  return ElectionError.from(reason).code;
}
