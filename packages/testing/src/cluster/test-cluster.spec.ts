// SPDX-License-Identifier: Apache-2.0
// A cluster for users' tests: what each of its verbs does to those who lead and wait. The processes run
// what is in dist.
import { connect } from "@conclave/client";
import { expect, test } from "vitest";
import { TestCluster } from "./test-cluster.ts";

const TTL_MS = 1_000;

test("three lines give a cluster in which a client leads", async () => {
  await using cluster = await TestCluster.start();
  const client = await cluster.connect();
  const fence = await client.election("orders").lead(async (leadership) => leadership.fence);

  expect(`${fence}`).toBe("orders#1");
});

test.each([{ processes: false }, { processes: true }])(
  "a killed node's elections go on, and once it is back another one may die ($processes)",
  async ({ processes }) => {
    await using cluster = await TestCluster.start({ processes });
    const client = await cluster.connect();
    await client.election("orders").lead(async () => {});
    const killed = await cluster.leaderOf("orders");

    await cluster.kill(killed);
    expect(await cluster.leaderOf("orders")).not.toBe(killed);
    expect(cluster.running).not.toContain(killed);
    const { term } = await client.election("orders").lead(async ({ fence }) => fence);
    await cluster.restart(killed);
    await cluster.ready();

    expect(term).toBe(2n);
    await cluster.kill((killed % 3) + 1);
    expect((await client.election("orders").get()).term).toBe(2n);
  },
);

test("a node that stops has handed its leaderships over", async () => {
  await using cluster = await TestCluster.start();
  const stopped = await cluster.leaderOf("orders");

  await cluster.stop(stopped);

  expect(await cluster.leaderOf("orders")).not.toBe(stopped);
});

test("a client that is cut off with a minority loses office to one with the majority", async () => {
  await using cluster = await TestCluster.start();
  const [a, b] = [await cluster.connect(), await cluster.connect()];
  const first = await a.election("orders").campaign({ ttlMs: TTL_MS });
  const second = b.election("orders").campaign({ ttlMs: TTL_MS });

  cluster.partition([1, a], [2, 3, b]);

  expect((await second).fence.term).toBe(2n);
  expect(() => first.assertHeld()).toThrow();
  await expect.poll(() => cluster.leaderOf("orders")).not.toBe(1);
  cluster.heal();
  expect((await a.election("orders").get()).leader?.id).toBe(
    (await b.election("orders").get()).leader?.id,
  );
});

test("whoever has connected by the endpoints alone can be cut off too", async () => {
  await using cluster = await TestCluster.start();
  const client = await cluster.connect();
  await using program = await connect({ endpoints: cluster.endpoints });
  const first = await program.election("orders").campaign({ ttlMs: TTL_MS });
  const second = client.election("orders").campaign({ ttlMs: TTL_MS });

  cluster.isolate("others");

  expect((await second).fence.term).toBe(2n);
  expect(() => first.assertHeld()).toThrow();
  cluster.heal();
});

test("an isolated node leads nothing in the end, and leads with the others when all is healed", async () => {
  await using cluster = await TestCluster.start();
  const isolated = await cluster.leaderOf("orders");
  const others = cluster.nodes.filter((node) => node !== isolated);

  cluster.isolate(isolated);
  await expect.poll(() => cluster.leaderOf("orders")).not.toBe(isolated);
  await cluster.ready(others);
  cluster.heal();

  await cluster.ready();
});

test("a paused process is missed, and does no harm when it goes on", async () => {
  await using cluster = await TestCluster.start({ processes: true });
  const client = await cluster.connect();
  const held = await client.election("orders").campaign();
  const paused = await cluster.leaderOf("orders");

  cluster.pause(paused);
  await expect.poll(() => cluster.leaderOf("orders")).not.toBe(paused);
  cluster.resume(paused);
  await cluster.ready();

  expect((await client.election("orders").checkFence(held.fence.term)).status).toBe("current");
  expect(held.assertHeld()).toBe(held.fence);
});

test("a node in the test's own process refuses to be paused", async () => {
  await using cluster = await TestCluster.start({ nodes: 1 });
  expect(() => cluster.pause(1)).toThrow("start with processes");
});

test("what one way is late by, an answer is late by", async () => {
  await using cluster = await TestCluster.start({ nodes: 1 });
  const client = await cluster.connect();

  cluster.treat(1, client, { delayMs: 150 });
  const beganMs = performance.now();
  await client.election("orders").get();

  expect(performance.now() - beganMs).toBeGreaterThanOrEqual(149);
});

test("the end of a cluster is the end of its clients and its ports", async () => {
  const cluster = await TestCluster.start({ nodes: 1 });
  const client = await cluster.connect();
  const { endpoints } = cluster;

  await cluster[Symbol.asyncDispose]();

  expect(client.state).toBe("closed");
  await expect(fetch(`${endpoints[0]}/healthz`)).rejects.toThrow();
});
