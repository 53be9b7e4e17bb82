// SPDX-License-Identifier: Apache-2.0
/** The native API on the real state machine, the real Raft host and a disk that can lose its power. */

import { LeaseStatus } from "@conclave/api";
import { createManualClock, createPrng, LoopWatch, type ManualClock } from "@conclave/base";
import { stateHash } from "@conclave/fsm";
import { createHost, type Host } from "@conclave/raft";
import { createMemoryDisk, type MemoryDisk } from "@conclave/raft/memory";
import { expect, test } from "vitest";
import { createElectionNode, type ElectionNode } from "../replica/election-node.ts";
import { memoryIdentity, settled } from "../replica/memory-node.ts";
import { noPeers } from "../replica/peer-calls.ts";
import { raftLogs } from "../replica/raft-log.ts";
import { createMemoryClient, type MemoryClient, refusalOf } from "./memory-client.ts";

const CLUSTER_ID = new Uint8Array(32).fill(9);
const S = 5n;
const election = { name: "e" };

interface DurableNode {
  readonly node: ElectionNode;
  readonly client: MemoryClient;
  readonly host: Host;
  readonly clock: ManualClock;
  readonly loop: LoopWatch;
  readonly failures: readonly string[];
}

async function advance(clock: ManualClock, ms: number): Promise<void> {
  for (let left = ms; left > 0; left -= 20) {
    clock.advance(20);
    await settled();
  }
}

/** Starts a node on the disk and waits until it leads its partitions. */
async function start(disk: MemoryDisk, snapshotEveryEntries = 65_536): Promise<DurableNode> {
  const clock = createManualClock();
  const loop = new LoopWatch(clock);
  const limits = { segmentBytes: 1 << 18, entryBytesMax: 1 << 16, snapshotEveryEntries };
  const prng = createPrng(1n);
  const identity = { replica: 1, bootstrap: [1], clusterId: CLUSTER_ID };
  const transport = { send: () => {} };
  const host = createHost({ ...identity, disk, clock, prng, loop, transport, limits });
  const failures: string[] = [];
  const node = createElectionNode({
    cluster: { ...memoryIdentity(1, 2), clusterId: CLUSTER_ID },
    clock,
    loop,
    prng,
    peers: noPeers,
    openLog: raftLogs(host),
    failed: (detail) => failures.push(detail),
  });
  loop.start();
  expect(await host.start()).toEqual({ kind: "started" });
  await advance(clock, 2_000);
  expect(node.leaderlessPartitions()).toEqual([]);
  return { node, client: createMemoryClient(node), host, clock, loop, failures };
}

/** Cuts the power: what was not synced is gone. */
function crash(disk: MemoryDisk): MemoryDisk {
  return disk.crash({ kind: "lose-all" });
}

async function enter({ client }: DurableNode, candidate: string, number: bigint) {
  const command = { sessionId: S, number };
  return (await client.elections.enter({ election, candidate, command })).result;
}

function hashesOf({ node }: DurableNode): string[] {
  return node.partitions.map(({ state }) => String(stateHash(state)));
}

test("what was acknowledged survives a power cut: candidates, order, terms, sessions", async () => {
  const disk = createMemoryDisk();
  const before = await start(disk);
  await before.client.sessions.openSession({ sessionId: S });
  await enter(before, "a", 1n);
  await enter(before, "b", 2n);
  await before.client.elections.anoint({ election, candidate: "b" });
  const hashes = hashesOf(before);

  const after = await start(crash(disk));

  expect(hashesOf(after)).toEqual(hashes);
  const { view } = await after.client.elections.get({ election });
  expect(view).toMatchObject({ term: 2n, revision: 3n, leader: { name: "b" } });
  expect(view?.queue.map(({ name }) => name)).toEqual(["a"]);
});

test("a command that is asked for again after a power cut is answered and not executed again", async () => {
  const disk = createMemoryDisk();
  const before = await start(disk);
  await before.client.sessions.openSession({ sessionId: S });
  await enter(before, "a", 1n);

  const after = await start(crash(disk));
  const again = await enter(after, "a", 1n);

  expect(again).toMatchObject({ replayed: true, revision: 1n, leading: true });
});

test("after a restart every session gets a full TTL, then ends if it does not come back", async () => {
  const disk = createMemoryDisk();
  const before = await start(disk);
  await before.client.sessions.openSession({ sessionId: S });
  await enter(before, "a", 1n);
  await advance(before.clock, 9_000);

  const after = await start(crash(disk));
  await advance(after.clock, 7_000);
  const kept = await after.client.elections.get({ election });
  const renewal = { number: 1n, partitions: [1] };
  const { leases } = await after.client.sessions.keepAlive({ sessionId: S, renewal });
  await advance(after.clock, 10_100);
  const ended = await after.client.elections.get({ election });

  expect(kept.view?.leader?.name).toBe("a");
  expect(leases).toMatchObject([{ status: LeaseStatus.CONFIRMED, officeRevision: 1n }]);
  expect(ended.view?.leader).toBeUndefined();
  expect(ended.view?.term).toBe(1n);
});

test("a node that begins from a snapshot of its log holds the same state", async () => {
  const disk = createMemoryDisk();
  const before = await start(disk, 20);
  await before.client.sessions.openSession({ sessionId: S });
  for (let number = 1n; number <= 100n; number++) await enter(before, `c${number}`, number);
  await settled();
  const hashes = hashesOf(before);

  const after = await start(crash(disk), 20);

  expect([...disk.files().keys()].some((name) => name.includes("snap"))).toBe(true);
  expect(hashesOf(after)).toEqual(hashes);
  expect(after.failures).toEqual([]);
});

test("schedule N: a watch that resumes after a restart has a gap said to it, or misses nothing", async () => {
  const disk = createMemoryDisk();
  const before = await start(disk, 5);
  await before.client.sessions.openSession({ sessionId: S });
  for (let number = 1n; number <= 20n; number++) await enter(before, `c${number}`, number);
  await settled();
  const after = await start(crash(disk), 5);

  const kinds: string[] = [];
  for await (const { event } of after.client.elections.watch({
    elections: [election],
    after: 1n,
  })) {
    kinds.push(event.case ?? "");
    if (event.case === "snapshotEnd" || event.case === "progress") break;
  }

  expect(kinds).toEqual(["gap", "snapshot", "snapshotEnd"]);
});

test("a full disk refuses commands by name, goes on confirming leases, and recovers by itself", async () => {
  const disk = createMemoryDisk();
  const node = await start(disk);
  await node.client.sessions.openSession({ sessionId: S });
  await enter(node, "a", 1n);
  const used = [...disk.files().values()].reduce((sum, size) => sum + size, 0);
  disk.resize(used);
  const metadata = { k: "x".repeat(4_000) };

  let refusal: Awaited<ReturnType<typeof refusalOf>>;
  let number = 1n;
  while (refusal === undefined && number < 500n) {
    const command = { sessionId: S, number: ++number, acknowledged: number - 1n };
    const filling = refusalOf(
      node.client.elections.enter({ election, candidate: "a", command, metadata }),
    );
    await advance(node.clock, 40);
    refusal = await filling;
  }
  const renewal = { number: 1n, partitions: [1] };
  const { leases } = await node.client.sessions.keepAlive({ sessionId: S, renewal });
  disk.resize(1 << 30);
  await advance(node.clock, 5_000);
  const again = await enter(node, "b", 900n);

  expect(refusal).toMatchObject({ code: "ResourceExhausted", reason: "NO_SPACE" });
  expect(leases).toMatchObject([{ status: LeaseStatus.CONFIRMED }]);
  expect(again?.changed).toBe(true);
});

test("a graceful stop answers what is under way and leaves no timer", async () => {
  const disk = createMemoryDisk();
  const { node, client, host, clock, loop } = await start(disk);
  await client.sessions.openSession({ sessionId: S });
  const entering = client.elections.enter({
    election,
    candidate: "a",
    command: { sessionId: S, number: 1n },
  });
  await Promise.resolve();

  node.beginShutdown();
  const refusal = await refusalOf(client.elections.anoint({ election, candidate: "a" }));
  await advance(clock, 100);
  await node.drained();
  await host.stop();
  loop.stop();

  expect(refusal).toMatchObject({ code: "Unavailable", reason: "SHUTTING_DOWN" });
  await entering.catch(() => undefined);
  expect(clock.pendingTimers).toBe(0);
});
