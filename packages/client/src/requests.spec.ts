// SPDX-License-Identifier: Apache-2.0
import { expect, test } from "vitest";
import type { Client } from "./election.ts";
import { createWorld } from "./memory/memory-world.ts";

test("an operator's verb is answered with the state after it", async () => {
  const world = createWorld();
  const { client } = await world.start();
  const orders = client.election("orders");
  void orders.campaign({ candidate: "a" });
  void orders.campaign({ candidate: "b" }).catch(() => {});
  await world.settle();

  const view = await orders.admin.anoint("b", { reason: "maintenance" });

  expect([view.leader?.id, view.queue.map(({ id }) => id), view.term]).toEqual(["b", ["a"], 2n]);
});

test("B3: a verb for somebody who is no candidate is NOT_FOUND and not applied", async () => {
  const world = createWorld();
  const { client } = await world.start();
  await client.election("orders").campaign({ candidate: "a" });

  const anointing = client.election("orders").admin.anoint("nobody");

  await expect(anointing).rejects.toMatchObject({ code: "NOT_FOUND", outcome: "not-applied" });
  expect(world.server.election("orders")?.term).toBe(1n);
});

test("B2: of two operators that saw the same revision, one succeeds", async () => {
  const world = createWorld();
  const { client } = await world.start();
  const orders = client.election("orders");
  for (const candidate of ["a", "b", "c"]) void orders.campaign({ candidate }).catch(() => {});
  await world.settle();
  const { revision } = await orders.get();

  const outcomes = await Promise.allSettled([
    orders.admin.anoint("b", { revision }),
    orders.admin.anoint("c", { revision }),
  ]);

  expect(outcomes.map(({ status }) => status)).toEqual(["fulfilled", "rejected"]);
  expect(outcomes[1]).toMatchObject({ reason: { code: "CONFLICT" } });
});

test("a number that no frame can carry is refused at the door, and harms no other command", async () => {
  const world = createWorld();
  const { client } = await world.start();
  const orders = client.election("orders");

  const reading = orders.get();
  const outcomes = await Promise.allSettled([
    orders.checkFence(-1n),
    orders.admin.anoint("a", { revision: 1n << 64n }),
  ]);

  for (const outcome of outcomes) expect(outcome).toMatchObject({ reason: { code: "INVALID" } });
  expect(() => orders.watch({ after: -1n })).toThrow("after is a bigint of 0 to 2^64 - 1, not -1");
  expect((await reading).term).toBe(0n);
});

test("B5: a verb whose answer was lost is applied once", async () => {
  const world = createWorld();
  const [a, b] = [await world.start(), await world.start()];
  for (const candidate of ["a", "b"]) stand(a.client, candidate);
  await world.settle();

  b.fromServer = () => undefined;
  const promoting = b.client.election("orders").admin.demote("a");
  await world.settle();
  b.fromServer = (frame) => frame;
  b.network.reset();
  await world.advance(500);

  expect((await promoting).term).toBe(2n);
  expect(world.server.election("orders")?.list.map(({ name }) => name)).toEqual(["b", "a"]);
});

test("a verb that nobody answers ends after a minute, with an unknown outcome", async () => {
  const world = createWorld({ stepMs: 500 });
  const { client, network } = await world.start();
  network.cut();
  const evicting = client.election("orders").admin.evict("a");
  evicting.catch(() => {});

  await world.advance(60_500);

  await expect(evicting).rejects.toMatchObject({ code: "TIMEOUT", outcome: "unknown" });
});

test("B5: a verb whose first answer was lost is not called undone for a later refusal", async () => {
  const world = createWorld({ stepMs: 500, partitionCount: 1 });
  const [a, b] = [await world.start(), await world.start()];
  for (const candidate of ["a", "b"]) stand(a.client, candidate);
  await world.settle();

  b.fromServer = () => undefined;
  const demoting = b.client.election("orders").admin.demote("a");
  demoting.catch(() => {});
  await world.settle();
  expect(world.server.election("orders")?.term).toBe(2n);
  world.server.stall(1, true);
  b.fromServer = (frame) => frame;
  b.network.reset();
  await world.advance(60_500);

  await expect(demoting).rejects.toMatchObject({ code: "NO_QUORUM", outcome: "unknown" });
});

test("a verb that has been refused for now when its client is closed has done nothing", async () => {
  const world = createWorld({ partitionCount: 1 });
  const { client } = await world.start();
  world.server.stall(1, true);
  const evicting = client.election("orders").admin.evict("a");
  await world.settle();

  void client.close();

  await expect(evicting).rejects.toMatchObject({ code: "CLOSED", outcome: "not-applied" });
});

test("a verb that is under way when its client is closed may have been applied", async () => {
  const world = createWorld();
  const [a, b] = [await world.start(), await world.start()];
  for (const candidate of ["a", "b"]) stand(a.client, candidate);
  await world.settle();

  b.fromServer = () => undefined;
  const demoting = b.client.election("orders").admin.demote("a");
  await world.settle();
  void b.client.close();

  await expect(demoting).rejects.toMatchObject({ code: "CLOSED", outcome: "unknown" });
  expect(world.server.election("orders")?.term).toBe(2n);
});

test("a reading of a partition without a leader is asked again, and ends as NO_QUORUM", async () => {
  const world = createWorld({ partitionCount: 1 });
  const { client } = await world.start();
  await client.election("orders").campaign();
  world.server.stall(1, true);
  const patient = client.election("orders").get();
  await world.advance(9_000);
  world.server.stall(1, false);
  // By now it asks once a second.
  await world.advance(1_000);
  expect((await patient).term).toBe(1n);

  world.server.stall(1, true);
  const vain = client.election("orders").get();
  vain.catch(() => {});
  await world.advance(10_500);

  await expect(vain).rejects.toMatchObject({ code: "NO_QUORUM", retryable: true });
});

test("a fence is current while its term holds office, and superseded after", async () => {
  const world = createWorld();
  const { client } = await world.start();
  const orders = client.election("orders");
  const first = await orders.campaign();
  expect((await orders.checkFence(1n)).status).toBe("current");

  await first.resign();
  expect((await orders.checkFence(1n)).status).toBe("vacant");
  await orders.campaign();

  expect((await orders.checkFence(1n)).status).toBe("superseded");
  expect((await orders.checkFence(7n)).status).toBe("unknown");
});

test("a list shows what begins with the prefix, in order", async () => {
  const world = createWorld();
  const { client } = await world.start();
  for (const name of ["b2", "a", "b1"]) await client.election(name).campaign();

  const names: string[] = [];
  for await (const { election } of client.list("b")) names.push(election);

  expect(names).toEqual(["b1", "b2"]);
});

test("a time limit of the caller ends the waiting with TIMEOUT", async () => {
  const world = createWorld();
  const { client, network } = await world.start();
  network.cut();
  const limit = new AbortController();
  const reading = client.election("orders").get({ signal: limit.signal });
  reading.catch(() => {});
  await world.settle();

  limit.abort(new DOMException("time is up", "TimeoutError"));

  await expect(reading).rejects.toMatchObject({ code: "TIMEOUT" });
});

/** A candidate that keeps its place in the queue, whatever is done to it. */
function stand(client: Client, candidate: string): void {
  void client.election("orders").serve(
    async ({ signal }) => {
      await new Promise<void>((resolve) => {
        signal.addEventListener("abort", () => resolve());
      });
    },
    { candidate },
  );
}
