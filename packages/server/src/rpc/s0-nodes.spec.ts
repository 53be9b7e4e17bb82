// SPDX-License-Identifier: Apache-2.0
/** S0 on three nodes: any of them serves, leaders change and nodes go, and clients lose nothing. */

import { stateHash } from "@conclave/fsm";
import { Code } from "@connectrpc/connect";
import { expect, test } from "vitest";
import { createMemoryCluster, type MemoryCluster } from "../replica/memory-cluster.ts";
import { settled } from "../replica/memory-node.ts";
import { openS0, S0Client, type S0Door } from "./memory-s0.ts";

function doorAt(cluster: MemoryCluster, node: number): S0Door {
  return openS0({ ...cluster.at(node), clock: cluster.clock });
}

function hashes(cluster: MemoryCluster): string[] {
  return [1, 2, 3].map((node) => `${stateHash(cluster.at(node).node.partition(1).state)}`);
}

test("schedule H: a watch goes on at another node without a gap when the one that led is killed", async () => {
  const cluster = await createMemoryCluster();
  const doors = [1, 2, 3].map((node) => doorAt(cluster, node)) as [S0Door, S0Door, S0Door];
  const [watcher, other] = [await S0Client.open(doors[0], 1), await S0Client.open(doors[1], 1)];
  for (const client of [watcher, other]) await client.create();
  const first = await watcher.watch();
  await other.ask("enter", "a");
  await other.ask("enter", "b");
  await settled();
  await watcher.keepAlive({ requestId: 2n, streams: [{ streamId: 2n, responseId: 2n }] });
  await settled();

  cluster.group(1).cut(1);
  cluster.group(1).lead(3);
  await other.ask("withdraw", "a");
  watcher.door = doors[1];
  const second = await watcher.watch({ requestId: 2n });
  await other.ask("withdraw", "b");
  await settled();

  expect(first.responseIds).toEqual([1, 2, 3]);
  // 2 was acknowledged; what came while nobody was told comes next.
  expect(second.responseIds).toEqual([3, 4, 5]);
  expect(second.terms).toEqual(["1 a [a b]", "2 b [b]", "2 - []"]);
  cluster.group(1).rejoin(1, 3);
  await cluster.advance(100);
  expect(new Set(hashes(cluster)).size).toBe(1);
});

test("schedule H: what a KeepAlive acknowledges at one node is forgotten by all of them", async () => {
  const cluster = await createMemoryCluster();
  const doors = [1, 2, 3].map((node) => doorAt(cluster, node)) as [S0Door, S0Door, S0Door];
  const client = await S0Client.open(doors[1], 1);
  await client.create();
  await client.watch();
  await client.ask("enter", "a");
  client.door = doors[2];

  await client.keepAlive({ requestId: 3n, streams: [{ streamId: 2n, responseId: 2n }] });
  await cluster.advance(100);

  expect(new Set(hashes(cluster)).size).toBe(1);
  cluster.group(1).lead(2);
  client.door = doors[0];
  expect((await client.watch({ requestId: 2n })).responseIds).toEqual([]);
  expect((await client.ask("enter", "a", { requestId: 3n })).shown).toBe("session 1 ERROR");
});

test("a watch through a node whose state is replaced by a snapshot goes on without a gap", async () => {
  const cluster = await createMemoryCluster();
  const [watcher, other] = [
    await S0Client.open(doorAt(cluster, 2), 1),
    await S0Client.open(doorAt(cluster, 1), 1),
  ];
  for (const client of [watcher, other]) await client.create();
  const watch = await watcher.watch();
  await other.ask("enter", "a");
  await settled();
  cluster.group(1).lag(2);
  await other.ask("enter", "b");
  await other.ask("enter", "c");

  cluster.group(1).install(2, 1);
  cluster.group(1).catchUp(2);
  await other.ask("enter", "d");
  await cluster.advance(100);

  expect(watch.responseIds).toEqual([1, 2, 3, 4, 5]);
  expect(watch.terms.at(-1)).toBe("1 a [a b c d]");
});

test("a watch whose stream is gone from a snapshot ends with a status, so that its client asks again", async () => {
  const cluster = await createMemoryCluster();
  const watcher = await S0Client.open(doorAt(cluster, 2), 1);
  await watcher.create();
  const watch = await watcher.watch();
  cluster.group(1).lag(2);
  watcher.door = doorAt(cluster, 1);
  const closing = watcher.closeSession();
  await closing;

  cluster.group(1).install(2, 1);
  await settled();

  expect(watch.end).toMatchObject({ rawMessage: expect.stringContaining("open the stream again") });
});

test("scenario A through any node, with a change of leaders between every two steps", async () => {
  const cluster = await createMemoryCluster();
  const doors = [1, 2, 3].map((node) => doorAt(cluster, node)) as [S0Door, S0Door, S0Door];
  const clients: S0Client[] = [];
  for (const door of doors) clients.push(await S0Client.open(door, 1));
  const [e1, e2, e3] = clients as [S0Client, S0Client, S0Client];
  for (const client of clients) await client.create();
  const watch = await e1.watch();
  const steps: readonly (readonly [() => Promise<{ readonly shown: string }>, string])[] = [
    [() => e1.ask("enter", "e1"), "1 e1 [e1]"],
    [() => e2.ask("enter", "e2"), "1 e1 [e1 e2]"],
    [() => e3.ask("enter", "e3"), "1 e1 [e1 e2 e3]"],
    [() => e3.ask("promote", "e3"), "1 e1 [e1 e3 e2]"],
    [() => e3.ask("promote", "e3"), "2 e3 [e3 e1 e2]"],
    [() => e2.ask("anoint", "e2"), "3 e2 [e2 e3 e1]"],
    [() => e2.ask("withdraw", "e2"), "4 e3 [e3 e1]"],
    [() => e3.ask("evict", "e3"), "5 e1 [e1]"],
  ];

  for (const [i, [step, expected]] of steps.entries()) {
    cluster.group(1).lead((i % 3) + 1);
    const answer = step();
    await cluster.advance(200);
    expect((await answer).shown).toContain(`: ${expected}`);
    expect((await clients[(i + 1) % 3]!.getTerm()).shown).toContain(`: ${expected}`);
  }

  await settled();
  expect(watch.terms).toEqual(steps.map(([, expected]) => expected));
  expect(watch.responseIds).toEqual(steps.map((_, i) => i + 1).concat(steps.length + 1));
});

test("a call whose answer is lost on its way is a status, and the same call again is answered", async () => {
  const cluster = await createMemoryCluster();
  const client = await S0Client.open(doorAt(cluster, 2), 1);
  await client.create();
  cluster.peers.fault(2, 1, "lose-answers");

  const lost = await client.ask("enter", "a");
  client.door = doorAt(cluster, 3);
  const again = await client.ask("enter", "a", { requestId: 2n });

  expect(lost.shown).toBe("Unavailable");
  expect(again.shown).toContain("response 2");
  expect(again.shown).toContain(": 1 a [a]");
});

test("a node that stops ends its watches and what waits for its turn there with a status", async () => {
  const cluster = await createMemoryCluster();
  const client = await S0Client.open(doorAt(cluster, 2), 1);
  await client.create();
  const watch = await client.watch();
  const waiting = [client.ask("enter", "b", { requestId: 9n }), client.getTerm({ requestId: 9n })];
  await settled();
  const { node } = cluster.at(2);

  node.beginShutdown();
  let isDrained = false;
  void node.drained().then(() => {
    isDrained = true;
  });
  await cluster.advance(1_000);

  expect(watch.end).toMatchObject({ rawMessage: expect.stringContaining("shutting down") });
  const answers = await Promise.all(waiting);
  expect(answers.map(({ shown }) => shown)).toEqual(["Unavailable", "Unavailable"]);
  expect(isDrained).toBe(true);
});

test("GetDatabases is not answered before the members are listed, whom clients would dial", async () => {
  const { controller } = doorAt(await createMemoryCluster(2), 3);

  await expect(controller.getDatabases({})).rejects.toMatchObject({ code: Code.Unavailable });
});

test("GetDatabases names the cluster's nodes as endpoints of every partition, its leader first", async () => {
  const cluster = await createMemoryCluster(2);
  const addresses = ["n1:7400", "[2001:db8::2]:7401", "n3:7402"];
  const members = addresses.map((address, i) => ({ node: i + 1, incarnation: 0, address }));
  const { node } = cluster.at(1);
  await new Promise((settle) =>
    node.partition(1).submit({
      commands: [{ kind: "set-first-members", members }],
      giveUpAtMs: node.giveUpAtMs(),
      mayUseReserve: true,
      settle,
    }),
  );
  cluster.group(2).lead(2);
  await settled();
  const { controller } = doorAt(cluster, 3);

  const { databases } = await controller.getDatabases({});
  const shown = databases.map(({ id, partitions }) => ({
    id: `${id?.namespace}/${id?.name}`,
    partitions: partitions.map(({ partitionId, endpoints }) => {
      return `${partitionId}: ${endpoints.map(({ host, port }) => `${host} ${port}`).join(", ")}`;
    }),
  }));
  expect(shown).toEqual([
    {
      id: "default/conclave",
      partitions: [
        "1: n1 7400, 2001:db8::2 7401, n3 7402",
        "2: 2001:db8::2 7401, n1 7400, n3 7402",
      ],
    },
  ]);
  const named = await controller.getDatabases({ id: { name: "conclave", namespace: "ns" } });
  expect(named.databases[0]?.id).toMatchObject({ name: "conclave", namespace: "ns" });
  expect((await controller.getDatabases({ id: { name: "other" } })).databases).toEqual([]);
});

test("calls that wait for their turn leave room for others between two nodes", async () => {
  const cluster = await createMemoryCluster();
  const door = doorAt(cluster, 2);
  const [one, two, three] = [
    await S0Client.open(door, 1),
    await S0Client.open(door, 1),
    await S0Client.open(door, 1),
  ];
  const shown: string[] = [];
  for (const client of [one, two, three]) {
    for (let requestId = 2n; requestId <= 1_000n; requestId++) {
      void client.ask("enter", "a", { requestId }).then((answer) => shown.push(answer.shown));
    }
  }
  await settled();

  expect(shown).toHaveLength(3 * 999 - 2_048);
  expect(new Set(shown)).toEqual(new Set(["Unavailable"]));

  expect((await three.create({ requestId: 1n })).shown).toContain("response 1");
  expect((await one.create({ requestId: 1n })).shown).toContain("response 1");
  await cluster.advance(1_000);
  expect(shown.filter((line) => line.includes("response 1000 "))).toHaveLength(1);
});
