// SPDX-License-Identifier: Apache-2.0
import type { Leadership } from "@conclave/client";
import { expect, test } from "vitest";
import { createWorld, type World, type WorldOptions } from "./world.ts";

const drain = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

function started(options: Partial<WorldOptions> = {}): World {
  const world = createWorld({ seed: 1n, nodes: 3, partitions: 2, drain, ...options });
  for (const server of world.servers) server.start();
  return world;
}

function brokenIn(world: World): readonly string[] {
  return world.trace.filter((line) => line.includes(" broken "));
}

/** Stands for the election until its process ends; each office that it takes is told. */
async function stand(world: World, name: string, ttlMs: number): Promise<Leadership[]> {
  const offices: Leadership[] = [];
  const client = await world.startClient(name, { driftPpm: 0 }).connected;
  void (async () => {
    for (;;) {
      const leadership = await client.election("e").campaign({ candidate: name, ttlMs });
      offices.push(leadership);
      await new Promise((resolve) => leadership.signal.addEventListener("abort", resolve));
    }
  })();
  return offices;
}

test("three nodes find each other, elect, and let one of two clients lead", async () => {
  const world = started();
  await world.run(3_000);
  expect(world.servers.map(({ state }) => state)).toEqual(["running", "running", "running"]);

  const standing = [stand(world, "ada", 3_000), stand(world, "bob", 3_000)];
  await world.run(2_000);
  const [ada, bob] = await Promise.all(standing);

  expect([...ada!, ...bob!].filter(({ signal }) => !signal.aborted)).toHaveLength(1);
  expect(brokenIn(world)).toEqual([]);
});
