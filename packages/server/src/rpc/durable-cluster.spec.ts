// SPDX-License-Identifier: Apache-2.0
/** Three nodes on real Raft hosts, over a network and calls in memory: what clients live through. */

import { CandidacyState, Cause, LeaseStatus } from "@conclave/api";
import { createManualClock, createPrng, LoopWatch, type ManualClock } from "@conclave/base";
import { stateHash } from "@conclave/fsm";
import { createHost, replicaIdOf } from "@conclave/raft";
import { createMemoryDisk, createMemoryNetwork, type MemoryNetwork } from "@conclave/raft/memory";
import { expect, test } from "vitest";
import { createElectionNode, type ElectionNode } from "../replica/election-node.ts";
import { memoryIdentity, settled } from "../replica/memory-node.ts";
import { MemoryPeers } from "../replica/memory-peers.ts";
import { raftLogs } from "../replica/raft-log.ts";
import { createMemoryClient, type MemoryClient, refusalOf } from "./memory-client.ts";

const CLUSTER_ID = new Uint8Array(32).fill(9);
const PARTITIONS = 2;
const NODES = [1, 2, 3] as const;
const S = 5n;
const election = { name: "e" };
/** Of `election`. */
const HOME = 1;
const TTL_MS = 3_000;

interface DurableCluster {
  readonly clock: ManualClock;
  readonly network: MemoryNetwork;
  readonly peers: MemoryPeers;
  node(number: number): ElectionNode;
  client(number: number): MemoryClient;
  /** Who leads the home of `election`, as that node itself says. */
  leader(): number;
  advance(ms: number): Promise<void>;
  /** No message gets to or from the node; its process goes on. */
  isolate(number: number): void;
  heal(): void;
}

async function createCluster(snapshotEveryEntries = 65_536): Promise<DurableCluster> {
  const clock = createManualClock();
  const peers = new MemoryPeers(clock);
  const network = createMemoryNetwork({ clock, prng: createPrng(7n) });
  const bootstrap = NODES.map((node) => replicaIdOf(node, 0));
  const limits = { segmentBytes: 4 << 20, entryBytesMax: 2 << 20, snapshotEveryEntries };
  const nodes: ElectionNode[] = [];
  for (const number of NODES) {
    const loop = new LoopWatch(clock);
    const replica = replicaIdOf(number, 0);
    const transport = network.connect(replica);
    const [disk, prng] = [createMemoryDisk(), createPrng(BigInt(number))];
    const identity = { replica, bootstrap, clusterId: CLUSTER_ID };
    const host = createHost({ ...identity, disk, clock, prng, loop, transport, limits });
    transport.bind(host);
    const node = createElectionNode({
      cluster: { ...memoryIdentity(number, PARTITIONS), clusterId: CLUSTER_ID },
      clock,
      loop,
      prng,
      peers: peers.of(number),
      openLog: raftLogs(host),
      failed: (detail) => expect.fail(detail),
    });
    loop.start();
    expect(await host.start()).toEqual({ kind: "started" });
    nodes.push(node);
  }
  const clients = nodes.map((node) => createMemoryClient(node));
  const cluster: DurableCluster = {
    clock,
    network,
    peers,
    node: (number) => nodes[number - 1]!,
    client: (number) => clients[number - 1]!,
    leader() {
      const leading = NODES.filter((n) => nodes[n - 1]?.partition(HOME).isLeader);
      expect(leading).toHaveLength(1);
      return leading[0]!;
    },
    async advance(ms) {
      for (let left = ms; left > 0; left -= 5) {
        clock.advance(5);
        await settled();
      }
    },
    isolate(number) {
      for (const other of NODES) {
        if (other === number) continue;
        for (const [from, to] of [
          [number, other],
          [other, number],
        ] as const) {
          network.cut(replicaIdOf(from, 0), replicaIdOf(to, 0));
          peers.fault(from, to, "cut");
        }
      }
    },
    heal() {
      network.heal();
      for (const from of NODES) for (const to of NODES) peers.fault(from, to, undefined);
    },
  };
  await cluster.advance(1_500);
  for (const node of nodes) expect(node.leaderlessPartitions()).toEqual([]);
  return cluster;
}

function others(cluster: DurableCluster): readonly [number, number] {
  const [a, b] = NODES.filter((node) => node !== cluster.leader());
  return [a!, b!];
}

/** Waits for a call while time goes on. */
async function during<T>(cluster: DurableCluster, call: Promise<T>): Promise<T> {
  let isDone = false;
  const done = call.finally(() => {
    isDone = true;
  });
  done.catch(() => {});
  for (let i = 0; i < 2_000 && !isDone; i++) await cluster.advance(5);
  return await done;
}

async function openSession(cluster: DurableCluster, at: number): Promise<void> {
  const options = { ttl: { seconds: BigInt(TTL_MS / 1_000), nanos: 0 } };
  await during(cluster, cluster.client(at).sessions.openSession({ sessionId: S, options }));
}

function enter(cluster: DurableCluster, at: number, candidate: string, number: bigint) {
  const command = { sessionId: S, number };
  return during(cluster, cluster.client(at).elections.enter({ election, candidate, command }));
}

/** An entry of 800 KB: the log behind a snapshot is kept for a few megabytes only. */
async function writeMuch(cluster: DurableCluster, at: number, round: number): Promise<void> {
  const key = { kind: "election", namespace: "default", name: election.name } as const;
  const commands = Array.from({ length: 200 }, (_, i) => {
    const number = 1_000 + 200 * round + i;
    const id = { sessionId: S, number, acknowledged: number - 1 };
    const metadata = new Map([["k", `${number}`.padEnd(4_000, "x")]]);
    return { kind: "update-metadata", key, candidate: "x", metadata, id } as const;
  });
  const partition = cluster.node(at).partition(HOME);
  const giveUpAtMs = cluster.node(at).giveUpAtMs();
  const submitted = new Promise<string>((resolve) => {
    const settle = ({ kind }: { readonly kind: string }): void => resolve(kind);
    partition.submit({ commands, giveUpAtMs, mayUseReserve: false, settle });
  });
  expect(await during(cluster, submitted)).toBe("replied");
}

function hashes(cluster: DurableCluster): string[] {
  return NODES.map((n) => String(stateHash(cluster.node(n).partition(HOME).state)));
}

test("a session lives at any node, and all replicas come to the same state", async () => {
  const cluster = await createCluster();
  const [a, b] = others(cluster);
  await openSession(cluster, a);

  const entered = await enter(cluster, a, "x", 1n);
  const { view } = await during(cluster, cluster.client(b).elections.get({ election }));
  await cluster.advance(200);

  expect(entered.result).toMatchObject({ leading: true, term: 1n });
  expect(view).toMatchObject({ leader: { name: "x" } });
  expect(new Set(hashes(cluster)).size).toBe(1);
});

test("a session that renews through any node outlives the leader of its partition", async () => {
  const cluster = await createCluster();
  const leader = cluster.leader();
  const [a] = others(cluster);
  await openSession(cluster, a);
  await enter(cluster, a, "x", 1n);
  let confirmedMs = cluster.clock.monotonicMs();

  cluster.isolate(leader);
  for (let number = 1n; number <= 12n; number++) {
    const sentMs = cluster.clock.monotonicMs();
    const renewal = { number, partitions: [HOME] };
    const kept = cluster.client(a).sessions.keepAlive({ sessionId: S, renewal });
    void kept.then(({ leases: [lease] }) => {
      if (lease?.status === LeaseStatus.CONFIRMED) confirmedMs = sentMs;
    });
    await cluster.advance(TTL_MS / 4);
    expect(cluster.clock.monotonicMs() - confirmedMs).toBeLessThan(TTL_MS - 110);
  }

  const { view } = await during(cluster, cluster.client(a).elections.get({ election }));
  expect(view).toMatchObject({ term: 1n, leader: { name: "x" } });
});

test("when the leader's node is lost the next command succeeds within a second", async () => {
  const cluster = await createCluster();
  const leader = cluster.leader();
  const [a] = others(cluster);
  await openSession(cluster, a);

  cluster.isolate(leader);
  const sinceMs = cluster.clock.monotonicMs();
  const entered = await enter(cluster, a, "x", 1n);

  expect(entered.result).toMatchObject({ leading: true });
  expect(cluster.clock.monotonicMs() - sinceMs).toBeLessThan(1_000);
});

test("a leader that is cut off serves nothing as true: no read, no lease, no command", async () => {
  const cluster = await createCluster();
  const leader = cluster.leader();
  const [a] = others(cluster);
  await openSession(cluster, leader);
  cluster.isolate(leader);

  const { elections, sessions } = cluster.client(leader);
  const renewal = { number: 1n, partitions: [HOME] };
  const command = { sessionId: S, number: 1n };
  const [read, lease, entered] = [
    refusalOf(elections.get({ election })),
    sessions.keepAlive({ sessionId: S, renewal }),
    refusalOf(elections.enter({ election, candidate: "old", command })),
  ];
  await cluster.advance(6_000);
  cluster.heal();
  await cluster.advance(1_000);
  const { view } = await during(cluster, cluster.client(a).elections.get({ election }));

  expect(await read).toMatchObject({ code: "Unavailable", reason: "NO_LEADER" });
  expect((await lease).leases[0]?.status).toBe(LeaseStatus.UNCONFIRMED);
  expect(await entered).toMatchObject({ code: "Unavailable", outcome: "UNKNOWN" });
  expect(view?.leader).toBeUndefined();
});

test("streams of a node that is cut off say so within two election timeouts, and when it is back", async () => {
  const cluster = await createCluster();
  const [a] = others(cluster);
  const stream = cluster.client(a).attach();
  await stream.send({ hello: {}, watches: [{ id: 1n, request: { elections: [election] } }] });
  await cluster.advance(100);
  const contacts = (): boolean[] =>
    stream.watchEvents.flatMap(({ outcome }) => {
      const event = outcome.case === "event" ? outcome.value.event : undefined;
      return event?.case === "contact" ? [event.value.quorum] : [];
    });
  expect(contacts()).toEqual([]);

  cluster.isolate(a);
  await cluster.advance(1_200);
  expect(contacts()).toEqual([false]);
  expect(cluster.node(a).leaderlessPartitions()).toEqual([1, 2]);
  cluster.heal();
  await cluster.advance(1_500);

  expect(contacts()).toEqual([false, true]);
  expect(cluster.node(a).leaderlessPartitions()).toEqual([]);
});

test("a node that was away for so long that it gets a snapshot serves its streams what is true now", async () => {
  const cluster = await createCluster(4);
  const [a, b] = others(cluster);
  await openSession(cluster, b);
  await enter(cluster, b, "x", 1n);
  const stream = cluster.client(a).attach();
  await stream.send({
    hello: { session: { sessionId: S, options: { ttl: { seconds: 3n, nanos: 0 } } } },
  });
  await cluster.advance(100);
  cluster.isolate(a);

  for (let round = 0; round < 8; round++) await writeMuch(cluster, b, round);
  const evicting = cluster.client(b).elections.evict({ election, candidate: "x" });
  await during(cluster, evicting);
  cluster.heal();
  await cluster.advance(3_000);

  const last = stream.candidacies.filter(({ candidate }) => candidate === "x").at(-1);
  expect(stream.candidacies[0]).toMatchObject({ candidate: "x", revision: 1n });
  // No entry told of it, so no cause is known.
  expect(last).toMatchObject({ state: CandidacyState.GONE, cause: Cause.UNSPECIFIED });
  expect(new Set(hashes(cluster)).size).toBe(1);
}, 20_000);
