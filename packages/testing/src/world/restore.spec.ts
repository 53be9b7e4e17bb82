// SPDX-License-Identifier: Apache-2.0
/** A backup of a simulated cluster, and the cluster that begins with it in place of the old one. */

import { type Change, ElectionError, type Leadership } from "@conclave/client";
import { beforeEach, expect, test } from "vitest";
import type { ClientProcess } from "./client-process.ts";
import { createWorld, type World } from "./world.ts";

const drain = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

let world: World;

beforeEach(() => {
  world = createWorld({ seed: 1n, nodes: 3, partitions: 1, drain });
  for (const server of world.servers) server.start();
});

/** What it comes to while virtual time passes. */
async function settled<T>(asked: Promise<T>, ms = 5_000): Promise<T> {
  let isSettled = false;
  const settle = (): void => {
    isSettled = true;
  };
  asked.then(settle, settle);
  await world.run(ms, () => isSettled);
  expect(isSettled).toBe(true);
  return asked;
}

async function campaign({ connected }: ClientProcess, candidate: string): Promise<Leadership> {
  const client = await connected;
  return client.election("e").campaign({ candidate, ttlMs: 1_000 });
}

/** Takes office and resigns, so often. @returns the last term */
async function terms(process: ClientProcess, count: number): Promise<bigint> {
  let last = 0n;
  for (let i = 0; i < count; i++) {
    const leadership = await settled(campaign(process, "ada"));
    last = leadership.fence.term;
    await settled(leadership.resign());
  }
  return last;
}

/** All servers are shut down, and a cluster of the backup takes their place. */
async function restored(backup: Uint8Array): Promise<void> {
  for (const server of world.servers) server.kill();
  await settled(world.restore(backup));
  await world.run(3_000);
  expect(world.servers.map(({ state }) => state)).toEqual(["running", "running", "running"]);
}

test("schedule M: a restored cluster is vacant and issues terms above all that the old one did, after the backup too", async () => {
  const ada = world.startClient("ada");
  await terms(ada, 2);
  const backup = await settled(world.server(1).backup());
  const lastOfOld = await terms(ada, 3);
  await settled(campaign(ada, "ada"));

  await restored(backup);

  const bob = world.startClient("bob");
  const client = await settled(bob.connected);
  const vacant = await settled(client.election("e").get());
  expect(vacant.leader).toBeNull();
  const { fence } = await settled(campaign(bob, "bob"));
  expect(fence.term).toBeGreaterThan(lastOfOld + 1n);
});

test("schedule M: a client of the old cluster meets another one, and neither leads in it nor steers it", async () => {
  const ada = world.startClient("ada");
  await terms(ada, 1);
  const backup = await settled(world.server(1).backup());
  const held = await settled(campaign(ada, "ada"));

  await restored(backup);

  expect(held.signal.aborted).toBe(true);
  const client = await ada.connected;
  expect(client.state).toBe("suspended");
  const asked = client
    .election("e")
    .get()
    .catch((error: unknown) => error);
  const refusal = await settled(asked, 15_000);
  expect(refusal).toBeInstanceOf(ElectionError);
  expect(refusal).toMatchObject({ cause: { code: "OTHER_CLUSTER" } });
});

test("schedule M: a watch that goes on after a revision of the old cluster is told of a gap", async () => {
  const ada = world.startClient("ada");
  await terms(ada, 2);
  const backup = await settled(world.server(1).backup());
  await terms(ada, 1);
  const { revision: after } = await settled((await ada.connected).election("e").get());

  await restored(backup);

  const client = await settled(world.startClient("bob").connected);
  const changes = client.election("e").watch({ after });
  const first = await settled(nextOf(changes[Symbol.asyncIterator]()));
  expect(first.type).toBe("gap");
});

async function nextOf(changes: AsyncIterator<Change>): Promise<Change> {
  for (;;) {
    const { value, done } = await changes.next();
    if (done === true) throw new Error("the watch has ended");
    if (value.type !== "contact" && value.type !== "progress") return value;
  }
}
