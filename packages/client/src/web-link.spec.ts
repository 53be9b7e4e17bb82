// SPDX-License-Identifier: Apache-2.0
import type { CloseSessionRequest, ListenRequest } from "@conclave/api";
import { expect, test } from "vitest";
import type { Leadership } from "./leadership.ts";
import type { MemoryFetch } from "./memory/memory-fetch.ts";
import { nameOn } from "./memory/memory-world.ts";
import type { Change } from "./view.ts";
import { createWebWorld } from "./web-link-world.ts";

const listens = (network: MemoryFetch) => network.calls.filter(({ name }) => name === "Listen");

function collect(changes: AsyncIterable<Change>): Change[] {
  const seen: Change[] = [];
  const read = async (): Promise<void> => {
    for await (const change of changes) seen.push(change);
  };
  read().catch(() => {});
  return seen;
}

test("two pages stand, and the second leads when the first resigns", async () => {
  const world = createWebWorld();
  const [a, b] = [await world.open(), await world.open()];
  const first = a.client.election("orders").campaign({ candidate: "a" });
  await world.advance(500);
  const second = b.client.election("orders").campaign({ candidate: "b" });
  await world.advance(500);
  expect(String((await first).assertHeld())).toBe("orders#1");

  void (await first).resign();
  await world.advance(500);

  expect(String((await second).assertHeld())).toBe("orders#2");
});

test("a leader holds on for many TTLs, on partitions that register one after the other", async () => {
  const world = createWebWorld();
  const { client } = await world.open();
  const leaderships: Leadership[] = [];
  for (const name of [nameOn(1), nameOn(2), `${nameOn(1)}-2`]) {
    const campaign = client.election(name).campaign({ ttlMs: 2_000 });
    await world.advance(700);
    leaderships.push(await campaign);
  }

  await world.advance(20_000);

  for (const leadership of leaderships) expect(() => leadership.assertHeld()).not.toThrow();
});

test("all watches and sessions of a page share one stream, and it is asked for again at most ten times a second", async () => {
  const world = createWebWorld();
  const { client, network } = await world.open();
  const begun = listens(network).length;

  const seen = ["a", "b", "c", "d", "e"].map((name) => collect(client.election(name).watch()));
  const campaigns = ["a", "b"].map((name) => client.election(name).campaign());
  await world.advance(1_000);

  await Promise.all(campaigns);
  expect(seen.every((changes) => changes.some(({ type }) => type === "snapshot"))).toBe(true);
  expect(seen[0]?.some(({ type }) => type === "elected")).toBe(true);
  expect(network.openCount).toBe(1);
  expect(listens(network).length - begun).toBeLessThanOrEqual(10);
  const last = listens(network).at(-1)?.request as ListenRequest | undefined;
  expect(last?.listeners.flatMap(({ watches }) => watches)).toHaveLength(5);
});

test("a watch goes on from where it was told over one stream after another, and misses and repeats nothing", async () => {
  const world = createWebWorld({ nodeCount: 2 });
  const [watcher, actor] = [await world.open(), await world.open()];
  const seen = collect(watcher.client.election("orders").watch());
  await world.advance(300);

  for (let n = 0; n < 20; n++) {
    void actor.client.election("orders").lead(async () => {});
    // Each further watch asks for another stream.
    collect(watcher.client.election(`other-${n}`).watch());
    await world.advance(170);
  }
  await world.advance(2_000);

  const terms = seen.flatMap((change) => (change.type === "elected" ? [change.view.term] : []));
  expect(terms).toEqual(Array.from({ length: 20 }, (_, n) => BigInt(n + 1)));
  expect(seen.some(({ type }) => type === "gap")).toBe(false);
});

test("a candidate that is evicted while one stream takes the place of another hears of it", async () => {
  for (let delay = 0; delay < 400; delay += 20) {
    const world = createWebWorld();
    const [a, b] = [await world.open(), await world.open()];
    void b.client.election("orders").campaign({ candidate: "b", ttlMs: 60_000 });
    await world.advance(500);
    const campaign = a.client.election("orders").campaign({ candidate: "a", ttlMs: 60_000 });
    campaign.catch(() => {});
    await world.advance(500);
    a.network.latencyMs = 100;
    collect(a.client.election("orders").watch());
    collect(a.client.watch("o"));

    await world.advance(delay);
    world.server.move("evict", "orders", "a");
    await world.advance(2_000);

    await expect(Promise.race([campaign, "still waiting"])).rejects.toMatchObject({
      code: "EVICTED",
    });
  }
});

test("when a node dies the page goes on at another one, and its leader stays", async () => {
  const world = createWebWorld({ nodeCount: 3 });
  const { client, network } = await world.open();
  const campaign = client.election("orders").campaign({ ttlMs: 5_000 });
  await world.advance(500);
  const leadership = await campaign;
  const node = listens(network)[0]?.node ?? 0;

  world.server.setNode(node, "refusing");
  await world.advance(10_000);

  expect(client.state).toBe("connected");
  expect(String(leadership.assertHeld())).toBe("orders#1");
  expect(listens(network).at(-1)?.node).not.toBe(node);
});

test("a dead endpoint is dialled at most once a second, whatever the core asks", async () => {
  const world = createWebWorld();
  const { client, network } = await world.open();
  for (const ttlMs of [1_000, 2_000, 10_000]) {
    client
      .election(`e${ttlMs}`)
      .campaign({ ttlMs })
      .catch(() => {});
  }
  await world.advance(1_000);

  const from = network.calls.length;
  world.server.setNode(1, "refusing");
  await world.advance(60_000);

  const dials = network.calls.slice(from).filter(({ name }) => name === "Listen");
  expect(dials.length).toBeGreaterThan(20);
  dials.slice(1).forEach(({ atMs }, n) => {
    expect(atMs - (dials[n]?.atMs ?? 0)).toBeGreaterThanOrEqual(1_000);
  });
});

test("a network that comes and goes is met with jitter and never more than once a second; offline, not at all", async () => {
  const world = createWebWorld();
  const { client, network, online } = await world.open();
  const campaign = client.election("orders").campaign({ ttlMs: 60_000 });
  await world.advance(500);
  const from = network.calls.length;

  for (let flap = 0; flap < 50; flap++) {
    online.set(false);
    network.cut();
    const before = network.calls.length;
    await world.advance(150);
    const asked = network.calls.slice(before).map(({ name }) => name);
    expect(asked).not.toContain("Listen");
    network.heal();
    online.set(true);
    await world.advance(150);
  }
  await world.advance(5_000);

  const dials = network.calls.slice(from).filter(({ name }) => name === "Listen");
  expect(dials.length).toBeGreaterThan(5);
  // Where a stream has just been asked for, whoever else is of the page joins it with one more.
  for (let n = 2; n < dials.length; n++) {
    expect((dials[n]?.atMs ?? 0) - (dials[n - 2]?.atMs ?? 0)).toBeGreaterThanOrEqual(1_000);
  }
  expect(client.state).toBe("connected");
  expect(String((await campaign).assertHeld())).toBe("orders#1");
});

test("a page that is put away says nothing more but the end of its sessions, and is back when it is shown", async () => {
  const world = createWebWorld();
  const [a, b] = [await world.open(), await world.open()];
  const first = a.client.election("orders").campaign({ candidate: "a", ttlMs: 60_000 });
  await world.advance(500);
  const second = b.client.election("orders").campaign({ candidate: "b", ttlMs: 60_000 });
  await world.advance(500);

  a.link.hide();
  const from = a.network.calls.length;
  await world.advance(10_000);
  expect(a.network.calls.length).toBe(from);
  expect(a.network.openCount).toBe(0);
  expect(a.client.state).toBe("suspended");
  a.link.show();
  await world.advance(2_000);

  expect(a.client.state).toBe("connected");
  expect(String((await first).assertHeld())).toBe("orders#1");
  await a.client.close();
  await world.advance(500);
  expect(String((await second).assertHeld())).toBe("orders#2");
});

test("the end of a session leaves within the turn that closes it, outlives the page and needs no new token", async () => {
  const world = createWebWorld();
  let tokens = 0;
  const { client, network } = await world.open({ token: async () => `t${++tokens}` });
  void client
    .election("orders")
    .serve(async () => {}, { ttlMs: 60_000 })
    .catch(() => {});
  await world.advance(45_000);
  const asked = tokens;

  const closed = client.close();
  await world.settle();

  const last = network.calls.at(-1);
  expect(last).toMatchObject({
    name: "CloseSession",
    keepalive: true,
    authorization: `Bearer t${asked}`,
  });
  expect((last?.request as CloseSessionRequest | undefined)?.sessionId).not.toBe(0n);
  expect(world.server.election("orders")?.list).toEqual([]);
  await world.advance(2_000);
  await closed;
});
