// SPDX-License-Identifier: Apache-2.0
/** Renewals of one session over several attachments, when answers are late or nobody confirms. */
import { create } from "@bufbuild/protobuf";
import { LeaseSchema, LeaseStatus } from "@conclave/api";
import { expect, test } from "vitest";
import type { Leadership } from "./leadership.ts";
import { createWorld, nameOn } from "./memory/memory-world.ts";

test("a late answer to a renewal from before the registration ends no session", async () => {
  const world = createWorld();
  const process = await world.start();
  const { client } = process;
  const campaign = (partition: number): Promise<Leadership> =>
    client.election(nameOn(partition)).campaign({ ttlMs: 3_000 });
  const other = campaign(2);
  await world.settle();
  await other;

  // The Enter waits for a leader while the beat of the other partition renews this one, too. The
  // answer to that renewal, from a leader that had not applied the Enter, is held back on its way.
  world.server.stall(1, true);
  let held = 0;
  process.fromServer = (frame) => {
    const isEarly = (lease: (typeof frame.leases)[number]): boolean => lease.partition === 1;
    held += frame.leases.filter(isEarly).length;
    return { ...frame, leases: frame.leases.filter((lease) => !isEarly(lease)) };
  };
  const campaigning = campaign(1);
  await world.advance(800);
  expect(held).toBeGreaterThan(0);
  world.server.stall(1, false);
  process.fromServer = (frame) => frame;
  await world.advance(200);
  const leadership = await campaigning;
  await world.advance(600);
  process.fromServer = (frame) => {
    if (held === 0 || frame.leases.length === 0) return frame;
    held -= 1;
    const late = create(LeaseSchema, { partition: 1, status: LeaseStatus.NOT_REGISTERED });
    return { ...frame, leases: [...frame.leases, late] };
  };
  await world.advance(3_000);

  expect(held).toBe(0);
  expect(String(leadership.assertHeld())).toBe(`${nameOn(1)}#1`);
  expect(process.sessionIds).toHaveLength(1);
});

test("a registration that is gone ends the session there, however its renewals crossed", async () => {
  const world = createWorld();
  const process = await world.start();
  const campaigning = process.client.election(nameOn(1)).campaign({ ttlMs: 3_000 });
  await world.settle();
  const leadership = await campaigning;
  await world.advance(1_000);

  process.fromServer = (frame) => {
    const gone = create(LeaseSchema, { partition: 1, status: LeaseStatus.NOT_REGISTERED });
    return { ...frame, leases: frame.leases.map(() => gone) };
  };
  await world.advance(800);

  expect(() => leadership.assertHeld()).toThrow(/the lease ran out/);
});

test("while nobody leads, each node is tried at once, then one in a quarter of a TTL", async () => {
  const world = createWorld({ nodeCount: 3 });
  const { client, sent } = await world.start();
  const campaigning = client.election(nameOn(1)).campaign({ ttlMs: 10_000 });
  await world.advance(100);
  await campaigning;

  const before = sent.length;
  world.server.stall(1, true);
  await world.advance(30_000);

  const since = sent.slice(before).filter(({ frame }) => frame.hello?.session !== undefined);
  expect(since.length).toBeGreaterThan(2);
  expect(since.length).toBeLessThanOrEqual(3 + 30_000 / 2_500);
});

test("a lease that is nearly over is not kept waiting by a long one that nobody confirms", async () => {
  const world = createWorld({ partitionCount: 4, nodeCount: 3 });
  const { client, sent } = await world.start({ endpoints: ["http://node-1"] });
  const leaderships: Leadership[] = [];
  // The second partition's answer comes first in a frame: the first one's must not outdo it.
  for (const partition of [2, 1, 4]) {
    const election = client.election(nameOn(partition, 4));
    const campaigning = election.campaign({ ttlMs: 10_000, graceMs: 1_000 });
    await world.advance(100);
    leaderships.push(await campaigning);
  }

  const before = sent.length;
  world.server.stall(1, true);
  world.server.setNode(2, "refusing");
  await world.advance(250);

  const renewed = sent.slice(before).flatMap(({ frame }) => frame.renewals);
  expect(renewed.filter(({ partitions }) => partitions.includes(2)).length).toBeGreaterThan(4);
  world.server.stall(1, false);
  await world.advance(2_000);
  for (const leadership of leaderships) expect(leadership.signal.aborted).toBe(false);
});
