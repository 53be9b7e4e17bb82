// SPDX-License-Identifier: Apache-2.0
/** Schedules A to E, as the client has to survive them; the server's half is proved at the server. */
import type { AttachResponse } from "@conclave/api";
import { expect, test } from "vitest";
import type { Leadership } from "./leadership.ts";
import { createWorld, nameOn } from "./memory/memory-world.ts";

const TTL_MS = 1_000;

test("A: a renewal confirmed by one partition credits nothing on another", async () => {
  const world = createWorld();
  const a = await world.start();
  const here = await a.client.election(nameOn(1)).campaign({ ttlMs: TTL_MS });
  const there = await a.client.election(nameOn(2)).campaign({ ttlMs: TTL_MS });

  // The node that the client is attached to is cut off from partition 2: it hears of no expiry there.
  a.fromServer = withoutPushes;
  world.server.stall(2, true);
  await world.advance(2 * TTL_MS);

  expect(codeOf(there)).toBe("EXPIRED");
  expect(codeOf(here)).toBe("held");
});

test("A: a session that ends on one partition is replaced there, and leads on elsewhere", async () => {
  const world = createWorld();
  const { client, sessionIds } = await world.start();
  const here = await client.election(nameOn(1)).campaign({ ttlMs: TTL_MS });
  const lost = await client.election(nameOn(2)).campaign({ ttlMs: TTL_MS, candidate: "x" });

  world.server.endSessionOf(nameOn(2), "x");
  await world.settle();
  const again = await client.election(nameOn(2)).campaign({ ttlMs: TTL_MS, candidate: "x" });

  expect(codeOf(lost)).toBe("EXPIRED");
  expect(codeOf(here)).toBe("held");
  expect(again.fence.term).toBe(2n);
  expect(sessionIds).toHaveLength(2);
});

test("C: after a machine's sleep nothing is believed, though no timer has run", async () => {
  const world = createWorld();
  const { client, sleep } = await world.start();
  const leadership = await client.election("orders").campaign({ ttlMs: TTL_MS });

  sleep(3_600_000);

  expect(codeOf(leadership)).toBe("EXPIRED");
  expect(leadership.signal.reason).toMatchObject({ code: "EXPIRED" });
});

test("C: a loop that was blocked for longer than the lease believes nothing at its first look", async () => {
  const world = createWorld();
  const { client } = await world.start();
  const leadership = await client.election("orders").campaign({ ttlMs: TTL_MS });

  // Time passes and nothing of this process runs but the next statement.
  world.clock.advance(930 - 1);
  expect(codeOf(leadership)).toBe("held");
  world.clock.advance(1);

  expect(codeOf(leadership)).toBe("EXPIRED");
});

test("C: the margin is 2 % of the TTL and 50 ms, counted from the sending", async () => {
  const world = createWorld();
  const { client } = await world.start();

  const leadership = await client.election("orders").campaign({ ttlMs: 10_000 });

  expect(leadership.remainingMs).toBe(10_000 - 250);
});

test("D: a deposed leader that hears of nothing but its renewals is suspended by the next one", async () => {
  const world = createWorld();
  const [a, b] = [await world.start(), await world.start()];
  const held = await a.client.election("orders").campaign({ candidate: "a", ttlMs: TTL_MS });
  const next = b.client.election("orders").campaign({ candidate: "b", ttlMs: TTL_MS });
  await world.settle();

  // Half open: leases come through, and neither pushes nor answers do.
  a.fromServer = onlyLeases;
  await b.client.election("orders").admin.anoint("b");
  expect((await next).fence.term).toBe(2n);
  await world.advance(TTL_MS / 4);

  expect(codeOf(held)).toBe("SUSPENDED");
  expect(held.signal.aborted).toBe(false);
});

test("D: what ends the doubt of a suspended leader is a reading of the server", async () => {
  const world = createWorld();
  const [a, b] = [await world.start(), await world.start()];
  const held = await a.client.election("orders").campaign({ candidate: "a", ttlMs: TTL_MS });
  void b.client.election("orders").campaign({ candidate: "b", ttlMs: TTL_MS });
  await world.settle();

  a.fromServer = withoutPushes;
  await b.client.election("orders").admin.anoint("b");
  await world.advance(TTL_MS / 4);

  expect(codeOf(held)).toBe("SUPERSEDED");
});

test("D: a replayed answer alone makes no leader", async () => {
  const world = createWorld();
  const [a, b] = [await world.start(), await world.start()];
  const orders = b.client.election("orders");
  a.fromServer = onlyWelcome;
  let fence = "";
  const leading = a.client.election("orders").campaign({ candidate: "a", ttlMs: TTL_MS });
  void leading.then((leadership) => {
    fence = String(leadership.fence);
  });
  await world.settle();
  expect(world.server.election("orders")?.list.map((c) => c.name)).toEqual(["a"]);

  void orders.campaign({ candidate: "b", ttlMs: 60_000 });
  await world.settle();
  await orders.admin.anoint("b");
  // The Enter is sent again over a new connection: its answer is "you lead", as it was then.
  a.network.reset();
  a.fromServer = (frame) => withoutReads(withoutPushes(frame));
  await world.advance(TTL_MS / 2);

  expect(world.server.election("orders")?.list.map((c) => c.name)).toEqual(["b", "a"]);
  expect(fence).toBe("");
});

test("D: a replayed answer makes no leader, not even while a lease from before is good", async () => {
  const world = createWorld({ partitionCount: 1 });
  const [a, b] = [await world.start(), await world.start()];
  const held = await a.client.election("stock").campaign({ candidate: "a", ttlMs: 60_000 });
  a.fromServer = () => undefined;
  const { fences } = recorded(a.client.election("orders").campaign({ ttlMs: 60_000 }));
  await world.settle();
  void b.client.election("orders").campaign({ candidate: "b", ttlMs: 60_000 });
  await world.settle();
  await b.client.election("orders").admin.anoint("b");

  // The Enter is sent again over a new connection; of what is true meanwhile nothing comes through.
  a.network.reset();
  a.fromServer = (frame) => withoutReads({ ...withoutPushes(frame), leases: [] });
  await world.advance(1_000);

  expect(codeOf(held)).toBe("held");
  expect(fences).toEqual([]);
});

test("D: a name that another process takes over is lost to the first at once", async () => {
  const world = createWorld();
  const [a, b] = [await world.start(), await world.start()];
  const held = await a.client.election("orders").campaign({ candidate: "x", ttlMs: TTL_MS });

  const taken = await b.client
    .election("orders")
    .campaign({ candidate: "x", ttlMs: TTL_MS, takeover: true });
  await world.settle();

  expect(codeOf(held)).toBe("SUPERSEDED");
  expect(taken.fence.term).toBe(2n);
});

test("E: the end of a connection lowers the deadline to the grace, until a renewal is confirmed", async () => {
  const world = createWorld();
  const a = await world.start();
  const held = await a.client.election("orders").campaign({ ttlMs: 10_000, graceMs: 500 });
  expect(held.remainingMs).toBe(9_750);

  a.network.cut();
  a.network.reset();
  await world.settle();
  expect(held.remainingMs).toBe(250);

  a.network.heal();
  await world.advance(200);
  expect(held.remainingMs).toBeGreaterThan(9_000);
});

test("E: a node that says goodbye takes nothing from the deadline", async () => {
  const world = createWorld();
  const a = await world.start();
  const held = await a.client.election("orders").campaign({ ttlMs: 10_000, graceMs: 500 });

  world.server.sayGoodbye("shutting down");
  await world.settle();

  expect(held.remainingMs).toBe(9_750);
  await world.advance(1_000);
  expect(codeOf(held)).toBe("held");
});

test("E: without a grace the end of a connection takes nothing from the deadline", async () => {
  const world = createWorld();
  const a = await world.start();
  const held = await a.client.election("orders").campaign({ ttlMs: 10_000 });

  a.network.cut();
  a.network.reset();
  await world.settle();

  expect(held.remainingMs).toBe(9_750);
});

test("A5: renewals whose answers are lost are credited to nobody", async () => {
  const world = createWorld();
  const a = await world.start();
  const held = await a.client.election("orders").campaign({ ttlMs: TTL_MS });

  a.fromServer = () => undefined;
  await world.advance(TTL_MS - 80);
  expect(codeOf(held)).toBe("held");
  await world.advance(10);

  expect(codeOf(held)).toBe("EXPIRED");
});

test("A6: a grant that arrives after its lease makes no leader until a renewal confirms it", async () => {
  const world = createWorld();
  const a = await world.start();
  const { promise, fences } = recorded(
    a.client.election("orders").campaign({ ttlMs: TTL_MS, candidate: "a" }),
  );
  a.fromServer = onlyWelcome;
  await world.advance(2 * TTL_MS);
  expect(world.server.election("orders")?.list.map((c) => c.name)).toEqual(["a"]);
  expect(fences).toEqual([]);

  // A stream that has lost frames does not go on: a new one does, and the old answer is given again.
  a.network.reset();
  a.fromServer = (frame) => frame;
  await world.advance(TTL_MS);

  expect((await promise).remainingMs).toBeGreaterThan(0);
  expect(world.server.election("orders")?.term).toBe(fences[0]);
});

function codeOf(leadership: Leadership): string {
  try {
    leadership.assertHeld();
    return "held";
  } catch (error) {
    return (error as { code: string }).code;
  }
}

function recorded(promise: Promise<Leadership>): {
  promise: Promise<Leadership>;
  fences: bigint[];
} {
  const fences: bigint[] = [];
  void promise.then(({ fence }) => fences.push(fence.term));
  return { promise, fences };
}

const onlyLeases = (frame: AttachResponse): AttachResponse => ({
  ...frame,
  candidacies: [],
  replies: [],
});

const withoutPushes = (frame: AttachResponse): AttachResponse => ({ ...frame, candidacies: [] });

const withoutReads = (frame: AttachResponse): AttachResponse => ({
  ...frame,
  replies: frame.replies.filter(({ reply }) => reply.case !== "get"),
});

const onlyWelcome = (frame: AttachResponse): AttachResponse | undefined =>
  frame.welcome === undefined ? undefined : { ...frame, candidacies: [] };
