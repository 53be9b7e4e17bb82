// SPDX-License-Identifier: Apache-2.0
/** What watches are told of the replica that serves them. Node 1 leads at first. */
import type { Command } from "@conclave/fsm";
import { expect, test } from "vitest";
import { createMemoryCluster, type MemoryCluster } from "./memory-cluster.ts";
import { settled } from "./memory-node.ts";
import type { Watch } from "./watch.ts";

const S = 42n;
const KEY = { kind: "election", namespace: "default", name: "e" } as const;

function enter(candidate: string, number: number): Command {
  const id = { sessionId: S, number, acknowledged: 0 };
  return { kind: "enter", key: KEY, candidate, metadata: new Map(), takeover: false, id };
}

async function run(cluster: MemoryCluster, at: number, ...commands: Command[]): Promise<void> {
  const { node } = cluster.at(at);
  const giveUpAtMs = node.giveUpAtMs();
  node.partition(1).submit({ commands, giveUpAtMs, mayUseReserve: false, settle: () => {} });
  await settled();
}

async function createWorld(): Promise<MemoryCluster> {
  const cluster = await createMemoryCluster();
  const session = { ttlMs: 86_400_000, graceMs: 0, labels: new Map<string, string>() };
  await run(cluster, 1, { kind: "open-session", sessionId: S, ...session }, enter("a", 1));
  return cluster;
}

function watch(cluster: MemoryCluster, at: number): Watch {
  const target = { kind: "names", keys: [KEY] } as const;
  return cluster.at(at).node.watch({ target, resume: undefined, withBase: false, ready: () => {} });
}

/** Takes everything there is, in short. */
function take(watching: Watch): string[] {
  const taken: string[] = [];
  watching.take((event) => {
    if (event.kind === "snapshot") taken.push(`snapshot ${event.view.leader?.name}`);
    else if (event.kind === "change") taken.push(`change ${event.change.leader?.name}`);
    else if (event.kind === "contact") taken.push(event.hasQuorum ? "live" : "cut off");
    else taken.push(event.kind);
    return true;
  });
  return taken;
}

test("a watch is told that its replica is cut off, and that it is back once it is level", async () => {
  const cluster = await createWorld();
  const watching = watch(cluster, 2);
  await settled();
  take(watching);

  cluster.group(1).cut(2);
  await cluster.advance(600);
  expect(take(watching)).toEqual(["cut off"]);
  await run(cluster, 1, { kind: "anoint", key: KEY, candidate: "a", options: { reason: "" } });
  await run(cluster, 1, enter("b", 2), {
    kind: "anoint",
    key: KEY,
    candidate: "b",
    options: { reason: "" },
  });
  cluster.group(1).rejoin(2, 1);
  await settled();

  expect(take(watching)).toEqual(["change a", "change b", "live"]);
});

test("a replica that is back is not said to be so before it is level with its leader", async () => {
  const cluster = await createWorld();
  const watching = watch(cluster, 2);
  await settled();
  cluster.group(1).cut(2);
  await cluster.advance(600);
  take(watching);
  cluster.peers.fault(2, 1, "hold");

  cluster.group(1).rejoin(2, 1);
  await cluster.advance(500);
  expect(take(watching)).toEqual([]);
  cluster.peers.fault(2, 1, undefined);
  await settled();

  expect(take(watching)).toEqual(["live"]);
});

test("nothing is said of an election of a leader that goes as fast as most do", async () => {
  const cluster = await createWorld();
  const watching = watch(cluster, 2);
  await settled();
  take(watching);

  cluster.group(1).loseLeader();
  await cluster.advance(400);
  cluster.group(1).lead(3);
  await cluster.advance(2_000);

  expect(take(watching)).toEqual([]);
});

test("a watch that begins at a replica that is cut off gets what that has, and is told", async () => {
  const cluster = await createWorld();
  cluster.group(1).cut(2);
  await cluster.advance(600);

  const watching = watch(cluster, 2);
  await settled();

  expect(take(watching)).toEqual(["snapshot a", "snapshot-end", "cut off"]);
});

test("a watch at a replica that lags begins with what the leader had committed", async () => {
  const cluster = await createWorld();
  cluster.group(1).lag(2);
  await run(cluster, 1, enter("b", 2), {
    kind: "anoint",
    key: KEY,
    candidate: "b",
    options: { reason: "" },
  });

  const watching = watch(cluster, 2);
  await settled();
  expect(take(watching)).toEqual([]);
  cluster.group(1).catchUp(2);

  expect(take(watching)).toEqual(["snapshot b", "snapshot-end"]);
});

test("a snapshot of another node tells attached sessions anew what they hold, and what they lost", async () => {
  const cluster = await createWorld();
  await run(cluster, 1, { ...enter("b", 2), key: { ...KEY, name: "gone" } } as Command);
  const told: string[] = [];
  cluster
    .at(2)
    .node.partition(1)
    .attach(S, {
      candidacy: ({ key, candidate, state }) => told.push(`${key.name} ${candidate} ${state}`),
      candidaciesTold: (_, revision) => told.push(`told ${revision}`),
    });
  expect(told.splice(0).toSorted()).toEqual(["e a leading", "gone b leading", "told 2"]);
  cluster.group(1).lag(2);
  await run(cluster, 1, {
    kind: "evict",
    key: { ...KEY, name: "gone" },
    candidate: "b",
    options: { reason: "" },
  });
  await run(cluster, 1, enter("c", 3));

  cluster.group(1).install(2, 1);

  expect(told).toEqual(["gone b gone", "e a leading", "e c waiting", "told 4"]);
});

test("after a snapshot of another node the changes that follow are told as ever", async () => {
  const cluster = await createWorld();
  const told: string[] = [];
  cluster
    .at(2)
    .node.partition(1)
    .attach(S, {
      candidacy: ({ candidate, state }) => told.push(`${candidate} ${state}`),
      candidaciesTold: () => {},
    });
  cluster.group(1).install(2, 1);
  told.length = 0;

  await run(cluster, 1, { kind: "evict", key: KEY, candidate: "a", options: { reason: "" } });

  expect(told).toEqual(["a gone"]);
});

test("every node hears of another list of members, by the log and by a snapshot", async () => {
  const cluster = await createMemoryCluster();
  const told: number[] = [];
  for (const node of [1, 2, 3]) cluster.at(node).node.onMembers(() => told.push(node));
  cluster.group(1).lag(3);

  const members = [{ node: 1, incarnation: 0, address: "a:1" }];
  await run(cluster, 1, { kind: "set-first-members", members });
  expect(told).toEqual([1, 2]);
  cluster.group(1).install(3, 1);

  expect(told).toEqual([1, 2, 3]);
  expect(cluster.at(3).node.members()).toEqual(members);
});
