// SPDX-License-Identifier: Apache-2.0
import { expect, test } from "vitest";
import { createMemoryNode, settled } from "./memory-node.ts";
import { isOpen, open, renew, S, TTL_MS } from "./memory-session.ts";

test("schedule E: the end of the attachment that renewed last starts the grace", async () => {
  const world = createMemoryNode();
  await open(world, { graceMs: 500, attachment: 1 });

  world.node.partition(1).disconnect(S, 1);
  await world.advance(480);
  expect(isOpen(world)).toBe(true);
  await world.advance(60);

  expect(isOpen(world)).toBe(false);
});

test("schedule E: a report about an attachment that the session has left does nothing", async () => {
  const world = createMemoryNode();
  await open(world, { graceMs: 500, attachment: 1 });
  renew(world, 1n, { attachment: 2 });
  await settled();

  world.node.partition(1).disconnect(S, 1);
  await world.advance(2_000);

  expect(isOpen(world)).toBe(true);
});

test("schedule E: a renewal that was overtaken on its way does not bring its attachment back", async () => {
  const world = createMemoryNode();
  await open(world, { graceMs: 500, attachment: 1 });
  renew(world, 2n, { attachment: 2 });
  await settled();
  renew(world, 1n, { attachment: 1 });
  await settled();

  world.node.partition(1).disconnect(S, 1);
  await world.advance(2_000);

  expect(isOpen(world)).toBe(true);
});

test("a grace that is longer than what is left of the TTL lengthens nothing", async () => {
  const world = createMemoryNode();
  await open(world, { graceMs: 5_000, attachment: 1 });
  await world.advance(9_000);

  world.node.partition(1).disconnect(S, 1);
  await world.advance(1_100);

  expect(isOpen(world)).toBe(false);
});

test("schedule E: a registration that was overtaken on its way does not bring its attachment back", async () => {
  const world = createMemoryNode();
  await open(world, { graceMs: 500, attachment: 1 });
  renew(world, 1n, { attachment: 2 });
  await settled();
  await open(world, { graceMs: 500, attachment: 1 });

  world.node.partition(1).disconnect(S, 1);
  await world.advance(2_000);

  expect(isOpen(world)).toBe(true);
});

test("schedule E: a session that has registered through another attachment outlives the end of the first", async () => {
  const world = createMemoryNode();
  await open(world, { graceMs: 500, attachment: 1 });
  await open(world, { graceMs: 500, attachment: 2 });

  world.node.partition(1).disconnect(S, 1);
  await world.advance(2_000);

  expect(isOpen(world)).toBe(true);
});

test("schedule E: a new leader knows no attachment and waits for the TTL", async () => {
  const world = createMemoryNode();
  await open(world, { graceMs: 500, attachment: 1 });
  world.log(1).follow(undefined);
  world.log(1).lead();

  world.node.partition(1).disconnect(S, 1);
  await world.advance(TTL_MS - 40);
  expect(isOpen(world)).toBe(true);
  await world.advance(100);

  expect(isOpen(world)).toBe(false);
});

test("schedule E: without a grace the end of an attachment means nothing", async () => {
  const world = createMemoryNode();
  await open(world, { attachment: 1 });

  world.node.partition(1).disconnect(S, 1);
  await world.advance(TTL_MS - 40);

  expect(isOpen(world)).toBe(true);
});

test("a session that comes back within its grace keeps its candidacies for a whole TTL", async () => {
  const world = createMemoryNode();
  await open(world, { graceMs: 500, attachment: 1 });
  world.node.partition(1).disconnect(S, 1);
  await world.advance(400);

  renew(world, 1n, { attachment: 2 });
  await settled();
  await world.advance(TTL_MS - 40);

  expect(isOpen(world)).toBe(true);
});

test("a renewal of an attachment that has ended meanwhile does not undo the grace", async () => {
  const world = createMemoryNode();
  await open(world, { graceMs: 500, attachment: 1 });
  world.log(1).stallConfirms();
  const renewal = renew(world, 1n, { attachment: 1 });
  await settled();

  world.node.partition(1).disconnect(S, 1);
  world.log(1).resumeConfirms();
  await world.advance(600);

  expect(renewal.lease).toEqual({ kind: "unconfirmed" });
  expect(isOpen(world)).toBe(false);
});

test("the end of an attachment leaves a renewal that came beside it, by a unary call, its answer", async () => {
  const world = createMemoryNode();
  await open(world, { graceMs: 500, attachment: 1 });
  world.log(1).stallConfirms();
  const unary = renew(world, 1n);
  const attached = renew(world, 2n, { attachment: 1 });

  world.node.partition(1).disconnect(S, 1);
  world.log(1).resumeConfirms();
  await world.advance(600);

  expect(unary.lease).toMatchObject({ kind: "confirmed" });
  expect(attached.lease).toEqual({ kind: "unconfirmed" });
  expect(isOpen(world)).toBe(true);
});
