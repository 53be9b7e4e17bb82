// SPDX-License-Identifier: Apache-2.0
/** What a page does where nobody answers, and when it goes while nothing stands. */
import { expect, test } from "vitest";
import { createWebWorld } from "./web-link-world.ts";

test("a page that goes between two streams still ends its session, and the next candidate leads at once", async () => {
  const world = createWebWorld({ nodeCount: 2 });
  const [a, b] = [await world.open(), await world.open()];
  const options = { ttlMs: 60_000 };
  const first = a.client.election("orders").campaign({ candidate: "a", ...options });
  await world.advance(500);
  await first;
  const second = b.client.election("orders").campaign({ candidate: "b", ...options });
  await world.advance(500);
  a.network.cut();
  await world.settle();
  a.network.heal();
  expect(a.client.state).toBe("suspended");
  const from = a.network.calls.length;

  a.scope.dispatchEvent(new Event("pagehide"));
  await world.advance(5_000);

  const asked = a.network.calls.slice(from);
  expect(asked.map(({ name, keepalive }) => [name, keepalive])).toEqual([["CloseSession", true]]);
  expect(String((await second).assertHeld())).toBe("orders#2");
});

test("the end of a session that nobody answers holds no connection for ever, in a page that lives on", async () => {
  const world = createWebWorld();
  const { client, network } = await world.open();
  void client
    .election("orders")
    .serve(async () => {}, { ttlMs: 60_000 })
    .catch(() => {});
  await world.advance(1_000);
  world.server.setNode(1, "silent");

  const closed = client.close();
  await world.advance(2_000);
  await closed;

  expect(network.calls.at(-1)?.name).toBe("CloseSession");
  expect(network.openCount).toBe(1);
  await world.advance(10_000);
  expect(network.openCount).toBe(0);
});

test("an endpoint that takes what is asked and never answers is soon dialled at most once a second", async () => {
  const world = createWebWorld();
  const { client, network } = await world.open();
  for (const ttlMs of [1_000, 2_000, 10_000]) {
    client
      .election(`e${ttlMs}`)
      .campaign({ ttlMs })
      .catch(() => {});
  }
  await world.advance(1_000);
  network.cut();
  network.heal();
  const from = network.calls.length;

  world.server.setNode(1, "silent");
  await world.advance(60_000);

  const dials = network.calls.slice(from).filter(({ name }) => name === "Listen");
  const gaps = dials.slice(1).map(({ atMs }, n) => atMs - (dials[n]?.atMs ?? 0));
  expect(dials.length).toBeGreaterThan(20);
  // The second is for who joined at once, the third the poll that doubts the silence of the first.
  for (const gap of gaps.slice(3)) expect(gap).toBeGreaterThanOrEqual(1_000);
});

test("a short grace costs a page nothing when its stream breaks: no server starts it", async () => {
  const world = createWebWorld();
  const { client, network } = await world.open();
  const campaign = client.election("orders").campaign({ ttlMs: 10_000, graceMs: 500 });
  await world.advance(500);
  const leadership = await campaign;

  network.cut();
  await world.advance(900);
  network.heal();
  await world.advance(3_000);

  expect(leadership.signal.aborted).toBe(false);
  expect(String(leadership.assertHeld())).toBe("orders#1");
});
