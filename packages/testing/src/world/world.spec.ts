// SPDX-License-Identifier: Apache-2.0
import type { Leadership } from "@conclave/client";
import { expect, test } from "vitest";
import { createWorld, type World, type WorldOptions } from "./world.ts";

const drain = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));
/** Of election `e` in a world of one partition. */
const HOME = 1;

function started(options: Partial<WorldOptions> = {}): World {
  const world = createWorld({ seed: 1n, nodes: 3, partitions: 1, drain, ...options });
  for (const server of world.servers) server.start();
  return world;
}

/** Stands for the election until its process ends, and keeps the offices that it took. */
function stand(world: World, name: string, ttlMs: number): Leadership[] {
  const offices: Leadership[] = [];
  const { connected } = world.startClient(name);
  const again = async (): Promise<void> => {
    const client = await connected;
    for (;;) {
      const leadership = await client.election("e").campaign({ candidate: name, ttlMs });
      offices.push(leadership);
      await new Promise((resolve) => leadership.signal.addEventListener("abort", resolve));
    }
  };
  again().catch((error: unknown) => world.broken(name, error));
  return offices;
}

function inOffice(...all: readonly Leadership[][]): readonly bigint[] {
  const held = all.flat().filter(({ signal }) => !signal.aborted);
  return held.map(({ fence }) => fence.term);
}

function brokenIn(world: World): readonly string[] {
  return world.trace.filter((line) => line.includes(" broken "));
}

function leaderOf(world: World): number {
  const leads = world.servers.filter(
    ({ view }) => view?.groups[HOME - 1]?.status().role.kind === "leader",
  );
  expect(leads).toHaveLength(1);
  return leads[0]!.node;
}

function appliedAt(world: World, node: number): number {
  return world.server(node).view?.groups[HOME - 1]?.status().appliedIndex ?? 0;
}

/** All kinds of trouble, as the world's own chance will have it. */
async function troubled(seed: bigint, isEncoded: boolean): Promise<World> {
  const path = { minMs: 1, maxMs: 5, lostPermille: 20 };
  const unruly = { lostPermille: 50, doubledPermille: 50, reorderedPermille: 50 };
  const limits = { snapshotEveryEntries: 20 };
  const world = started({ seed, isEncoded, path: { ...path, unruly }, syncMs: 1, limits });
  for (const name of ["ada", "bob"]) stand(world, name, 1_000);
  await world.run(2_000);
  const { prng } = world;
  for (let round = 0; round < 6; round++) {
    const server = world.server(1 + prng.below(3));
    const other = world.server(1 + prng.below(3));
    const trouble = prng.below(8);
    world.observe({ kind: "fault", fault: `${trouble} ${server.host}` });
    if (trouble === 0) server.kill();
    if (trouble === 1) server.powerCut({ kind: "random", prng: prng.child(`cut ${round}`) });
    if (trouble === 2) server.pause();
    if (trouble === 3) world.network.cut(server.host, other.host);
    if (trouble === 4) world.network.reset(server.host, other.host);
    if (trouble === 5) void server.stop();
    if (trouble === 6) server.suspend();
    if (trouble === 7) world.network.partition([[server.host, "ada"], [other.host]]);
    await world.run(prng.below(1_500));
    world.network.healAll();
    server.resume(prng.chance(1, 2) ? "timers-first" : "as-it-came");
    for (const each of world.servers) if (each.state === "down") each.start();
    await world.run(prng.below(1_500));
  }
  await world.run(2_000);
  return world;
}

test("three nodes find each other, elect, and let one of two clients lead", async () => {
  const world = started();
  await world.run(2_000);
  expect(world.servers.map(({ state }) => state)).toEqual(["running", "running", "running"]);

  const [ada, bob] = [stand(world, "ada", 3_000), stand(world, "bob", 3_000)];
  await world.run(2_000);

  expect(inOffice(ada, bob)).toHaveLength(1);
  expect(brokenIn(world)).toEqual([]);
});

test("when the node that leads is killed another one does, and no office is lost", async () => {
  const world = started();
  const ada = stand(world, "ada", 3_000);
  await world.run(2_000);
  const before = leaderOf(world);

  world.server(before).kill();
  await world.run(2_000);

  expect(leaderOf(world)).not.toBe(before);
  expect(inOffice(ada)).toEqual([1n]);
  world.server(before).start();
  await world.run(2_000);
  expect(world.server(before).state).toBe("running");
  expect(brokenIn(world)).toEqual([]);
});

test("when the client in office is killed the other one takes it after the TTL", async () => {
  const world = started();
  stand(world, "ada", 1_000);
  await world.run(2_000);
  const bob = stand(world, "bob", 1_000);
  await world.run(1_000);
  expect(bob).toHaveLength(0);

  world.clients[0]?.kill();
  await world.run(2_500);

  expect(world.clients.map(({ name }) => name)).toEqual(["bob"]);
  expect(inOffice(bob)).toEqual([2n]);
});

test("a paused client comes back to the loss of its office", async () => {
  const world = started();
  const ada = stand(world, "ada", 1_000);
  await world.run(2_000);
  const bob = stand(world, "bob", 1_000);
  const [paused] = world.clients;

  paused?.pause();
  await world.run(4_000);
  paused?.resume("timers-first");
  await world.run(1_000);

  expect(ada[0]?.signal.aborted).toBe(true);
  expect(inOffice(ada, bob)).toEqual([2n]);
});

test("a client whose machine slept does not believe in what it held before", async () => {
  const world = started();
  const ada = stand(world, "ada", 10_000);
  await world.run(2_000);
  const [asleep] = world.clients;

  asleep?.suspend();
  await world.run(15_000);
  asleep?.resume("as-it-came");

  expect(() => ada[0]?.assertHeld()).toThrow();
});

test("power fails on all machines at once, and what was acknowledged is there again", async () => {
  const world = started({ syncMs: 2 });
  stand(world, "ada", 5_000);
  await world.run(2_000);
  const acknowledged = appliedAt(world, leaderOf(world));

  for (const server of world.servers) server.powerCut({ kind: "lose-all" });
  await world.run(500);
  for (const server of world.servers) server.start();
  await world.run(3_000);

  expect(acknowledged).toBeGreaterThan(1);
  expect(appliedAt(world, 1)).toBeGreaterThanOrEqual(acknowledged);
  expect(brokenIn(world)).toEqual([]);
});

test("power fails in the middle of a write, and the node comes back with what was synced", async () => {
  const world = started({ syncMs: 1 });
  stand(world, "ada", 5_000);
  await world.run(2_000);
  const server = world.server(leaderOf(world));
  const acknowledged = appliedAt(world, server.node);

  server.powerCutAt(3, 100, { kind: "random", prng: world.prng });
  stand(world, "bob", 5_000);
  await world.run(2_000);
  expect(server.state).toBe("down");
  server.start();
  await world.run(2_000);

  expect(appliedAt(world, server.node)).toBeGreaterThan(acknowledged);
  expect(brokenIn(world)).toEqual([]);
});

test("a node whose directory was emptied comes back as another incarnation", async () => {
  const world = started();
  stand(world, "ada", 3_000);
  await world.run(2_000);
  const server = world.server(2);

  server.kill();
  server.wipe();
  server.start();
  await world.run(8_000);

  expect(server.life.incarnation).not.toBe(0);
  expect(server.view?.groups[0]?.status().configuration.voters).toHaveLength(3);
  expect(brokenIn(world)).toEqual([]);
});

test("a node that stops in order hands over first, and says so", async () => {
  const world = started();
  const ada = stand(world, "ada", 3_000);
  await world.run(2_000);
  const before = leaderOf(world);

  void world.server(before).stop();
  await world.run(1_000);

  expect(world.server(before).state).toBe("down");
  expect(leaderOf(world)).not.toBe(before);
  expect(inOffice(ada)).toEqual([1n]);
  expect(world.trace.some((line) => line.includes('"how":"stopped"'))).toBe(true);
});

test.each([true, false])("one seed twice is one trace, byte by byte (encoded: %s)", async (way) => {
  const [first, second] = [await troubled(7n, way), await troubled(7n, way)];

  expect(first.trace.length).toBeGreaterThan(50);
  expect(first.trace.join("\n")).toBe(second.trace.join("\n"));
  expect(brokenIn(first)).toEqual([]);
});

test("different seeds are different runs", async () => {
  const [first, second] = [started({ seed: 8n }), started({ seed: 9n })];
  for (const world of [first, second]) await world.run(1_000);

  expect(first.trace.join("\n")).not.toBe(second.trace.join("\n"));
});

test("a paused node that is told to stop does so when it goes on", async () => {
  const world = started();
  await world.run(1_000);
  const server = world.server(1);

  server.pause();
  void server.stop();
  await world.run(1_000);
  expect(server.state).toBe("running");
  server.resume("timers-first");
  await world.run(2_000);

  expect(server.state).toBe("down");
});

test("what nobody caught is seen, with where it was thrown", async () => {
  const world = started();
  world.startClient("ada").clock.setTimer(10, () => {
    throw new Error("R1: not so");
  });
  await world.run(100);

  expect(brokenIn(world)).toEqual(['10.000 broken {"where":"ada","message":"R1: not so"}']);
});
