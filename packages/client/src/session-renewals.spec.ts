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
