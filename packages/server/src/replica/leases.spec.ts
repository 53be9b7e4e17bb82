// SPDX-License-Identifier: Apache-2.0
import { expect, test } from "vitest";
import { createMemoryNode, type MemoryNode, settled } from "./memory-node.ts";
import { isOpen, open, renew, S, TTL_MS } from "./memory-session.ts";

test("a session that does not renew ends at its TTL, not before", async () => {
  const world = createMemoryNode();
  await open(world);

  await world.advance(TTL_MS - 20);
  expect(isOpen(world)).toBe(true);
  await world.advance(60);

  expect(isOpen(world)).toBe(false);
});

test("a renewal keeps a session for a whole TTL from its arrival", async () => {
  const world = createMemoryNode();
  await open(world);
  await world.advance(9_000);

  const renewal = renew(world, 1n);
  await settled();
  await world.advance(TTL_MS - 20);

  expect(renewal.lease).toEqual({ kind: "confirmed", number: 1n, officeRevision: 0n });
  expect(isOpen(world)).toBe(true);
});

test("a command does not move a deadline", async () => {
  const world = createMemoryNode();
  await open(world);
  await world.advance(9_000);

  enter(world, "a", 1);
  await settled();
  await world.advance(1_040);

  expect(isOpen(world)).toBe(false);
});

test("opening an open session again, under the same options, renews it", async () => {
  const world = createMemoryNode();
  await open(world);
  await world.advance(9_000);

  expect(await open(world)).toBe(true);
  await world.advance(9_000);

  expect(isOpen(world)).toBe(true);
});

test("schedule A: a renewal that one partition confirms moves nothing on another", async () => {
  const world = createMemoryNode(2);
  await open(world, { partition: 1 });
  await open(world, { partition: 2 });
  await world.advance(9_000);
  world.log(2).follow(undefined);

  const [first, second] = [renew(world, 1n), renew(world, 1n, { partition: 2 })];
  await settled();

  expect(first.lease?.kind).toBe("confirmed");
  expect(second.lease).toEqual({ kind: "unconfirmed" });
});

test("schedule B: a renewal that awaits its round holds the expiry back", async () => {
  const world = createMemoryNode();
  await open(world);
  await world.advance(TTL_MS - 40);
  world.log(1).stallConfirms();

  const renewal = renew(world, 1n);
  await world.advance(1_000);
  expect(isOpen(world)).toBe(true);
  world.log(1).resumeConfirms();
  await settled();

  expect(renewal.lease?.kind).toBe("confirmed");
  expect(isOpen(world)).toBe(true);
});

test("schedule B: no renewal is acknowledged while an expiry stands unapplied in the log", async () => {
  const world = createMemoryNode();
  await open(world);
  world.log(1).stall();
  await world.advance(TTL_MS + 40);

  const renewal = renew(world, 1n);
  await settled();
  expect(renewal.lease).toEqual({ kind: "unconfirmed" });
  world.log(1).resume();
  await settled();

  expect(isOpen(world)).toBe(false);
});

test("schedule B: no renewal is acknowledged while the session's own end stands unapplied", async () => {
  const world = createMemoryNode();
  await open(world);
  world.log(1).stall();
  close(world);
  await settled();

  const renewal = renew(world, 1n);
  await settled();

  expect(renewal.lease).toEqual({ kind: "unconfirmed" });
});

test("schedule B: an end whose outcome nobody waited for stands in the log all the same", async () => {
  const world = createMemoryNode();
  await open(world);
  world.log(1).stall();
  close(world, 1_000);
  await world.advance(1_100);

  const renewal = renew(world, 1n);
  await settled();

  expect(renewal.lease).toEqual({ kind: "unconfirmed" });
});

test("a session whose end was refused is renewed, and expires, as ever", async () => {
  const world = createMemoryNode();
  await open(world);
  world.log(1).refuse("overloaded");
  close(world, 1_000);
  await settled();
  world.log(1).refuse(undefined);

  const renewal = renew(world, 1n);
  await world.advance(TTL_MS - 40);
  expect([renewal.lease?.kind, isOpen(world)]).toEqual(["confirmed", true]);
  await world.advance(100);

  expect(isOpen(world)).toBe(false);
});

test("a renewal moves the deadline when it arrives, though no quorum ever confirms it", async () => {
  const world = createMemoryNode();
  await open(world);
  await world.advance(9_000);
  world.log(1).stallConfirms();

  const renewal = renew(world, 1n);
  await world.advance(5_100);
  world.log(1).resumeConfirms();
  await world.advance(4_800);
  expect([renewal.lease, isOpen(world)]).toEqual([{ kind: "unconfirmed" }, true]);
  await world.advance(200);

  expect(isOpen(world)).toBe(false);
});

test("an expiry that stands in the log is not taken for the command that follows it there", async () => {
  const world = createMemoryNode();
  await open(world);
  world.log(1).stall();
  await world.advance(TTL_MS + 40);
  enter(world, "a", 1);
  await settled();

  world.log(1).resume();
  await settled();

  expect(isOpen(world)).toBe(false);
});

test("schedule B: opening again is no lease while an expiry stands unapplied in the log", async () => {
  const world = createMemoryNode();
  await open(world);
  world.log(1).stall();
  await world.advance(TTL_MS + 40);

  const again = open(world);
  world.log(1).resume();

  expect(await again).toBe(false);
  expect(isOpen(world)).toBe(false);
});

test("schedule B: an answer names the highest renewal that had arrived before the round began", async () => {
  const world = createMemoryNode();
  await open(world);
  world.log(1).stallConfirms();
  const [r1, r2] = [renew(world, 1n), renew(world, 2n)];
  await settled();

  const r3 = renew(world, 3n);
  await settled();
  world.log(1).resumeConfirms();
  await settled();

  expect(r1.lease).toMatchObject({ kind: "confirmed", number: 2n });
  expect(r2.lease).toMatchObject({ kind: "confirmed", number: 2n });
  expect(r3.lease).toMatchObject({ kind: "confirmed", number: 3n });
});

test("all renewals of one turn share one quorum round", async () => {
  const world = createMemoryNode();
  await open(world);
  const before = world.log(1).confirmCount;

  for (let number = 1n; number <= 100n; number++) renew(world, number);
  await settled();

  expect(world.log(1).confirmCount).toBe(before + 1);
});

test("schedule B: a renewal that arrives while the judgement awaits its round saves the session", async () => {
  const world = createMemoryNode();
  await open(world);
  world.log(1).stallConfirms();
  await world.advance(TTL_MS + 40);

  const renewal = renew(world, 1n);
  await settled();
  world.log(1).resumeConfirms();
  await world.advance(1_000);

  expect(renewal.lease?.kind).toBe("confirmed");
  expect(isOpen(world)).toBe(true);
});

test("schedule B: an opening on its way through the log holds the expiry back", async () => {
  const world = createMemoryNode();
  await open(world);
  await world.advance(TTL_MS - 40);
  world.log(1).stall();

  await open(world);
  await world.advance(1_000);
  world.log(1).resume();
  await world.advance(5_000);

  expect(isOpen(world)).toBe(true);
});

test("schedule B: opening again is no lease while the session's own end follows it in the log", async () => {
  const world = createMemoryNode();
  await open(world);
  world.log(1).stall();
  const answers: boolean[] = [];
  const giveUpAtMs = world.node.giveUpAtMs();
  const labels = new Map<string, string>();
  world.node
    .partition(1)
    .register(
      { kind: "open-session", sessionId: S, ttlMs: TTL_MS, graceMs: 0, labels },
      { commands: [], giveUpAtMs, mayUseReserve: false },
      undefined,
      (_, isLeased) => answers.push(isLeased),
    );
  // The end goes into an entry of its own, behind the opening's.
  await settled();
  world.node.partition(1).closeSession(S, { giveUpAtMs, mayUseReserve: true, settle: () => {} });

  await settled();
  world.log(1).resume();
  await settled();

  expect(answers).toEqual([false]);
});

test("schedule C: time that is measured here runs on the monotonic clock alone", async () => {
  const world = createMemoryNode();
  await open(world);

  world.clock.jumpWall(3_600_000);
  await world.advance(TTL_MS - 20);
  expect(isOpen(world)).toBe(true);
  world.clock.jumpWall(-7_200_000);
  await world.advance(60);

  expect(isOpen(world)).toBe(false);
});

test("schedule D: the answer to a renewal carries the revision at which office was last lost", async () => {
  const world = createMemoryNode();
  await open(world);
  enter(world, "a", 1);
  await settled();
  evict(world, "a");
  await settled();

  const renewal = renew(world, 1n);
  await settled();

  expect(renewal.lease).toEqual({ kind: "confirmed", number: 1n, officeRevision: 2n });
});

test("schedule J: an expiry is proposed only in the raftTerm in which the TTL was measured", async () => {
  const world = createMemoryNode();
  await open(world);
  world.log(1).stallConfirms();
  await world.advance(TTL_MS + 40);

  world.log(1).follow(2);
  world.log(1).lead();
  await world.advance(TTL_MS - 100);

  expect(isOpen(world)).toBe(true);
});

test("schedule J: a leader ends nobody without a quorum round begun after the deadline", async () => {
  const world = createMemoryNode();
  await open(world);
  world.log(1).stallConfirms();

  await world.advance(TTL_MS + 12_000);
  expect(isOpen(world)).toBe(true);
  world.log(1).resumeConfirms();
  await world.advance(40);

  expect(isOpen(world)).toBe(false);
});

test("a new leader gives every session a full TTL from the moment it leads", async () => {
  const world = createMemoryNode();
  await open(world);
  await world.advance(9_900);

  world.log(1).follow(2);
  await world.advance(60_000);
  world.log(1).lead();
  await world.advance(TTL_MS - 40);
  expect(isOpen(world)).toBe(true);
  await world.advance(100);

  expect(isOpen(world)).toBe(false);
});

test("a session that has ended is told so, one that never was here likewise", async () => {
  const world = createMemoryNode(2);
  await open(world);
  await world.advance(TTL_MS + 40);

  const [ended, unknown] = [renew(world, 1n), renew(world, 1n, { partition: 2 })];
  await settled();

  expect(ended.lease).toEqual({ kind: "ended" });
  expect(unknown.lease).toEqual({ kind: "not-registered" });
});

const KEY = { kind: "election", namespace: "default", name: "e" } as const;

function enter(world: MemoryNode, candidate: string, number: number): void {
  const id = { sessionId: S, number, acknowledged: 0 };
  world.node.partition(1).submit({
    commands: [{ kind: "enter", key: KEY, candidate, metadata: new Map(), takeover: false, id }],
    giveUpAtMs: world.node.giveUpAtMs(),
    mayUseReserve: false,
    settle: () => {},
  });
}

function evict(world: MemoryNode, candidate: string): void {
  world.node.partition(1).submit({
    commands: [{ kind: "evict", key: KEY, candidate, options: { reason: "" } }],
    giveUpAtMs: world.node.giveUpAtMs(),
    mayUseReserve: true,
    settle: () => {},
  });
}

function close({ node }: MemoryNode, timeoutMs?: number): void {
  const giveUpAtMs = node.giveUpAtMs(timeoutMs);
  node.partition(1).closeSession(S, { giveUpAtMs, mayUseReserve: true, settle: () => {} });
}
