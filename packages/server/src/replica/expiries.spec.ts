// SPDX-License-Identifier: Apache-2.0
/** What becomes of an expiry that the log does not take at once. */
import { expect, test } from "vitest";
import { createMemoryNode, settled } from "./memory-node.ts";
import { isOpen, open, renew, TTL_MS } from "./memory-session.ts";

test("an expiry that was refused is judged again, and ends a session that stays silent", async () => {
  const world = createMemoryNode();
  await open(world);
  world.log(1).refuse("overloaded");
  await world.advance(TTL_MS);
  const before = world.log(1).confirmCount;
  await world.advance(1_000);
  expect(isOpen(world)).toBe(true);
  // Each judgement has a round.
  expect(world.log(1).confirmCount - before).toBeLessThanOrEqual(5);

  world.log(1).refuse(undefined);
  await world.advance(300);

  expect(isOpen(world)).toBe(false);
});

test("schedule J: an expiry that was refused is not proposed again before a new round", async () => {
  const world = createMemoryNode();
  await open(world);
  world.log(1).refuse("overloaded");
  await world.advance(TTL_MS + 40);
  const rounds = world.log(1).confirmCount;

  renew(world, 1n);
  world.log(1).refuse(undefined);
  await settled();
  await world.advance(1_000);

  expect(rounds).toBeGreaterThan(0);
  expect(isOpen(world)).toBe(true);
});

test("expiries go on while the disk is full: they may use the reserve", async () => {
  const world = createMemoryNode();
  await open(world);
  world.log(1).refuse("no-space");

  await world.advance(TTL_MS + 60);

  expect(isOpen(world)).toBe(false);
});
