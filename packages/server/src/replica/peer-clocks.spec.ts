// SPDX-License-Identifier: Apache-2.0
import { createManualClock } from "@conclave/base";
import type { Command } from "@conclave/fsm";
import { expect, test } from "vitest";
import { createMemoryCluster, type MemoryCluster } from "./memory-cluster.ts";
import { settled } from "./memory-node.ts";
import { PeerClocks } from "./peer-clocks.ts";

const HOUR_MS = 3_600_000;
const KEY = { kind: "election", namespace: "default", name: "e" } as const;

function createClocks() {
  const clock = createManualClock(1_000_000);
  const clamped: number[] = [];
  const clocks = new PeerClocks(clock, () => clamped.push(clock.monotonicMs()));
  return { clock, clocks, clamped };
}

test("a node that hears nobody writes its own time", () => {
  const { clock, clocks } = createClocks();
  clock.jumpWall(HOUR_MS);

  expect(clocks.logTimeMs()).toBe(1_000_000 + HOUR_MS);
});

test("a clock that is an hour ahead is held back to 10 s above the median, and that is counted", () => {
  const { clock, clocks, clamped } = createClocks();
  clocks.heard(2, 1_000_000);
  clocks.heard(3, 1_000_500);

  clock.jumpWall(HOUR_MS);

  expect(clocks.logTimeMs()).toBe(1_010_500);
  expect(clamped).toHaveLength(1);
});

test("one peer whose clock is an hour behind holds nobody back", () => {
  const { clocks, clamped } = createClocks();
  clocks.heard(2, 1_000_000 - HOUR_MS);
  clocks.heard(3, 1_000_000);

  expect(clocks.logTimeMs()).toBe(1_000_000);
  expect(clamped).toEqual([]);
});

test("what was heard of a clock goes on with time and does not jump with our own", () => {
  const { clock, clocks } = createClocks();
  clocks.heard(2, 1_000_000);
  clocks.heard(3, 1_000_000);

  clock.advance(60_000);
  clock.jumpWall(HOUR_MS);

  expect(clocks.logTimeMs()).toBe(1_070_000);
});

test("the clock of a node that is a member no more counts no more", () => {
  const { clock, clocks } = createClocks();
  clocks.heard(2, 1_000_000);
  clock.jumpWall(HOUR_MS);

  clocks.keepOnly(new Set([3]));

  expect(clocks.logTimeMs()).toBe(1_000_000 + HOUR_MS);
});

async function run(cluster: MemoryCluster, at: number, command: Command): Promise<void> {
  const { node } = cluster.at(at);
  const giveUpAtMs = node.giveUpAtMs();
  node
    .partition(1)
    .submit({ commands: [command], giveUpAtMs, mayUseReserve: false, settle: () => {} });
  await settled();
}

test("schedule C: a leader whose clock jumps by an hour ends nobody and shows no time an hour ahead", async () => {
  const cluster = await createMemoryCluster();
  const members = [1, 2, 3].map((node) => ({ node, incarnation: 0, address: `n${node}:1` }));
  await run(cluster, 1, { kind: "set-first-members", members });
  const session = { sessionId: 42n, ttlMs: 60_000, graceMs: 0, labels: new Map<string, string>() };
  await run(cluster, 2, { kind: "open-session", ...session });
  await cluster.advance(11_000);

  cluster.skewWall(1, HOUR_MS);
  const id = { sessionId: 42n, number: 1, acknowledged: 0 };
  const entering = {
    key: KEY,
    candidate: "a",
    metadata: new Map<string, string>(),
    takeover: false,
  };
  await run(cluster, 2, { kind: "enter", ...entering, id });

  const { sinceMs } = cluster.at(3).node.partition(1).view(KEY);
  expect((sinceMs ?? 0) - cluster.clock.wallMs()).toBeLessThanOrEqual(10_000);
  expect(cluster.clampedTimes(1)).toBe(1);
  expect(cluster.at(1).node.partition(1).session(42n)).toMatchObject({ ttlMs: 60_000 });
});
