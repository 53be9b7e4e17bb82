// SPDX-License-Identifier: Apache-2.0
/** A client of several nodes: where its frames go, and what it believes when that changes. */
import { create } from "@bufbuild/protobuf";
import { LeaseSchema, LeaseStatus } from "@conclave/api";
import { expect, test } from "vitest";
import type { Client } from "./election.ts";
import type { Leadership } from "./leadership.ts";
import { createWorld, nameOn, type SentFrame, type World } from "./memory/memory-world.ts";
import type { Change } from "./view.ts";

const TTL_MS = 3_000;

test("renewals go to the node that leads their partition, though one endpoint was given", async () => {
  const world = createWorld({ nodeCount: 3 });
  const { client, sent } = await world.start({ endpoints: ["http://node-3"] });
  const held = await campaignOn(world, client, [1, 2]);

  const before = sent.length;
  await world.advance(TTL_MS);

  expect(renewedAt(sent.slice(before))).toEqual({ 1: [1], 2: [2] });
  expect(held.map(codeOf)).toEqual(["held", "held"]);
});

test("when a partition moves to another node, it is renewed there at once", async () => {
  const world = createWorld({ nodeCount: 3 });
  const { client, sent } = await world.start();
  const [held] = await campaignOn(world, client, [1]);
  await world.advance(100);

  const before = sent.length;
  world.server.nodes.transfer(1, 3);
  await world.advance(20);

  expect(renewedAt(sent.slice(before))).toEqual({ 3: [1] });
  expect(held?.remainingMs).toBeGreaterThan(TTL_MS - 110 - 21);
});

test("a renewal from before the registration that another node answers late ends nothing", async () => {
  const world = createWorld({ nodeCount: 3 });
  const process = await world.start({ endpoints: ["http://node-3"] });
  const [held] = await campaignOn(world, process.client, [1]);
  await world.advance(TTL_MS);

  let late = 0;
  process.fromServer = (frame) => {
    if (frame.topology?.node !== 3) return frame;
    late += 1;
    const status = LeaseStatus.NOT_REGISTERED;
    return { ...frame, leases: [create(LeaseSchema, { partition: 1, status })] };
  };
  world.server.nodes.transfer(2, 3);
  await world.advance(TTL_MS);

  expect(late).toBeGreaterThan(0);
  expect(codeOf(held)).toBe("held");
});

test("a member that cannot be reached from here costs a hop, and no leadership", async () => {
  const world = createWorld({ nodeCount: 3 });
  const { client, network, sent } = await world.start({ endpoints: ["http://node-3"] });
  network.hide(1);

  const [held] = await campaignOn(world, client, [1]);
  await world.advance(60_000);

  expect(codeOf(held)).toBe("held");
  expect(renewedAt(sent)).toEqual({ 3: [1] });
  // It is tried again now and then, and ever more rarely.
  const tries = sent.filter(({ node, frame }) => node === 1 && frame.hello !== undefined);
  expect(tries.length).toBeLessThan(10);
});

test("the end of one attachment lowers no deadline of a partition that lives on another", async () => {
  const world = createWorld({ nodeCount: 3 });
  const { client } = await world.start();
  const [first, second] = await campaignOn(world, client, [1, 2], 1_000);
  await world.advance(1_000);

  world.server.setNode(2, "refusing");
  await world.settle();

  expect(second?.remainingMs).toBeLessThanOrEqual(1_000 - 110);
  expect(first?.remainingMs).toBeGreaterThan(1_500);
  await world.advance(TTL_MS);
  expect([codeOf(first), codeOf(second)]).toEqual(["held", "held"]);
});

test("C1: a watch goes on at another node where the dead one left off, without gap or repetition", async () => {
  const world = createWorld({ nodeCount: 3 });
  const watcher = await world.start();
  const { client } = await world.start();
  const name = nameOn(1);
  const terms: bigint[] = [];
  const gaps: Change[] = [];
  void (async () => {
    for await (const change of watcher.client.election(name).watch()) {
      if (change.type === "elected") terms.push(change.view.term);
      if (change.type === "gap") gaps.push(change);
    }
  })();
  await world.settle();

  for (let round = 1; round <= 6; round++) {
    world.server.setNode(1 + (round % 3), "refusing");
    await cycle(world, client, name);
    world.server.setNode(1 + (round % 3), "up");
    await world.advance(1_000);
  }

  expect(terms).toEqual([1n, 2n, 3n, 4n, 5n, 6n]);
  expect(gaps).toEqual([]);
});

test("C5: a watch whose node is cut off says so, and goes on at another one", async () => {
  const world = createWorld({ nodeCount: 3 });
  const watcher = await world.start({ endpoints: ["http://node-1"] });
  const { client } = await world.start({ endpoints: ["http://node-2"] });
  const seen: string[] = [];
  void (async () => {
    for await (const change of watcher.client.election(nameOn(2)).watch()) {
      seen.push(change.type === "contact" ? `contact ${change.live}` : change.type);
    }
  })();
  await world.settle();

  world.server.setNode(1, "cut-off");
  await world.settle();
  expect(seen).toEqual(["snapshot", "contact false"]);
  await cycle(world, client, nameOn(2));
  await world.advance(200);

  expect(seen).toEqual(["snapshot", "contact false", "contact true", "elected", "vacant"]);
});

test("a session that is closed leaves the cluster at once, whatever node it is attached to", async () => {
  const world = createWorld({ nodeCount: 3 });
  const { client } = await world.start();
  await campaignOn(world, client, [1, 2]);

  await client.close();

  expect(world.server.election(nameOn(1))?.list).toEqual([]);
  expect(world.server.election(nameOn(2))?.list).toEqual([]);
});

/** Leads one election on each of these partitions, and lets the attachments to their leaders stand. */
async function campaignOn(
  world: World,
  client: Client,
  partitions: readonly number[],
  graceMs = 0,
): Promise<Leadership[]> {
  const options = { ttlMs: TTL_MS, graceMs };
  const campaigning = partitions.map((p) => client.election(nameOn(p)).campaign(options));
  await world.advance(10);
  return Promise.all(campaigning);
}

async function cycle(world: World, client: Client, name: string): Promise<void> {
  let isOver = false;
  const work = client.election(name).lead(async () => {}, { ttlMs: TTL_MS });
  void work.then(() => {
    isOver = true;
  });
  for (let ms = 0; ms < 5_000 && !isOver; ms += 10) await world.advance(10);
  await work;
}

/** By node, which partitions were renewed there. */
function renewedAt(sent: readonly SentFrame[]): Record<number, number[]> {
  const renewed: Record<number, number[]> = {};
  for (const { node, frame } of sent) {
    const partitions = frame.renewals.flatMap((renewal) => renewal.partitions);
    if (partitions.length === 0) continue;
    renewed[node] = [...new Set([...(renewed[node] ?? []), ...partitions])];
  }
  return renewed;
}

function codeOf(leadership: Leadership | undefined): string {
  try {
    leadership?.assertHeld();
    return leadership === undefined ? "none" : "held";
  } catch (error) {
    return (error as { code: string }).code;
  }
}
