// SPDX-License-Identifier: Apache-2.0
/** S1 over three nodes in memory: any of them serves, and a leader may go between any two calls. */

import { expect, test } from "vitest";
import { createMemoryCluster, type MemoryCluster } from "../replica/memory-cluster.ts";
import { settled } from "../replica/memory-node.ts";
import { openS1, S1Client, type S1Door } from "./memory-s1.ts";

interface World {
  readonly cluster: MemoryCluster;
  at(node: number): S1Door;
}

async function world(): Promise<World> {
  const cluster = await createMemoryCluster();
  return { cluster, at: (node) => openS1({ ...cluster.at(node), clock: cluster.clock }) };
}

test("a session goes from node to node with every call, and each follows on the one before", async () => {
  const { at } = await world();
  const one = await S1Client.open(at(2));
  one.door = at(3);
  expect(await one.create()).toBe("OK");
  const steps = [
    ["enter", "a", "1 a []"],
    ["enter", "b", "1 a [b]"],
    ["demote", "a", "2 b [a]"],
    ["withdraw", "b", "3 a []"],
  ] as const;
  for (const [i, [verb, candidate, expected]] of steps.entries()) {
    one.door = at(1 + (i % 3));
    const before = one.index;
    expect(await one.ask(verb, candidate)).toBe(expected);
    expect(one.index).toBeGreaterThan(before);
    one.door = at(1 + ((i + 1) % 3));
    expect(await one.getTerm()).toBe(expected);
  }
  one.door = at(2);
  expect(await one.keepAlive(one.number)).toBe("index true");
  one.door = at(1);
  expect(await one.ask("enter", "x", { number: 3 })).toContain("in band CONFLICT");
  expect(await one.close()).toBe("OK");
});

test("the leader goes between any two calls: numbers, answers and candidates stay", async () => {
  const { cluster, at } = await world();
  const one = await S1Client.open(at(2));
  let leader = 1;
  const another = async (): Promise<void> => {
    leader = (leader % 3) + 1;
    cluster.group(1).lead(leader);
    await settled();
  };
  await another();
  await one.create();
  await another();
  expect(await one.ask("enter", "a")).toBe("1 a []");
  await another();
  expect(await one.ask("enter", "a", { number: 2 })).toBe("1 a []");
  await another();
  expect(await one.create("e", { number: 1 })).toBe("OK");
  expect(one.primitiveId).toBe(2n);
  await another();
  expect(await one.keepAlive(2)).toBe("index true");
  await another();
  expect(await one.ask("enter", "b", { number: 2 })).toContain("in band CONFLICT");
  await another();
  expect(await one.close()).toBe("OK");
  await another();
  expect(await one.close({ number: 3 })).toBe("OK");
});

test("an answer that was lost on its way is given again to the same call", async () => {
  const { cluster, at } = await world();
  const one = await S1Client.open(at(2));
  await one.create();
  cluster.peers.fault(2, 1, "lose-answers");
  const lost = one.ask("enter", "a");
  await cluster.advance(5_200);
  expect(await lost).toMatch(/Unavailable|1 a \[\]/);
  cluster.peers.fault(2, 1, undefined);
  expect(await one.ask("enter", "a", { number: 2 })).toBe("1 a []");
  expect(await one.getTerm()).toBe("1 a []");
});

test("a primitive that was created through another node is known to one that is behind", async () => {
  const { cluster, at } = await world();
  const one = await S1Client.open(at(1));
  cluster.group(1).lag(3);
  await one.create();
  one.door = at(3);
  const entering = one.ask("enter", "a");
  await settled();
  cluster.group(1).catchUp(3);
  expect(await entering).toBe("1 a []");
});

test("a session and a primitive of elsewhere are known to a node that is behind, once it asks", async () => {
  const cluster = await createMemoryCluster(3);
  const at = (node: number): S1Door => openS1({ ...cluster.at(node), clock: cluster.clock });
  const one = await S1Client.open(at(1), 1);
  cluster.group(1).lag(3);
  const another = await S1Client.open(at(1), 1);
  await another.create("e");
  another.door = at(3);
  const [closing, creating] = [another.close(), another.create("e")];
  await settled();
  cluster.group(1).catchUp(3);
  expect(await closing).toBe("OK");
  expect(await creating).toBe("OK");
  expect(another.sessionId).toBeGreaterThan(one.sessionId);
});

test("a session that was opened through another node is closed through one that is behind", async () => {
  const { cluster, at } = await world();
  cluster.group(1).lag(3);
  const one = await S1Client.open(at(1));
  one.door = at(3);
  const closing = one.closeSession();
  await settled();
  cluster.group(1).catchUp(3);
  expect(await closing).toBe("closed");
  one.door = at(1);
  expect(await one.create()).toBe("PermissionDenied: session not found");
});

test("without a leader every call is UNAVAILABLE once its patience ends, and nothing has happened", async () => {
  const { cluster, at } = await world();
  const one = await S1Client.open(at(2));
  await one.create();
  cluster.group(1).loseLeader();
  const calls = [
    one.ask("enter", "a"),
    one.getTerm(),
    one.create(),
    one.close(),
    one.keepAlive(1),
    one.closeSession(),
  ];
  await cluster.advance(5_200);
  for (const answer of await Promise.all(calls)) expect(answer).toContain("Unavailable");
  cluster.group(1).lead(3);
  await settled();
  expect(await one.getTerm()).toBe("0 - []");
});

test("what a KeepAlive acknowledged through one node holds after the leader has changed", async () => {
  const { cluster, at } = await world();
  const one = await S1Client.open(at(3));
  await one.create();
  await one.ask("enter", "a");
  await one.ask("enter", "b");
  await one.keepAlive(3, [3]);
  cluster.group(1).lead(2);
  await settled();
  one.door = at(2);
  expect(await one.ask("enter", "b", { number: 3 })).toBe("1 a [b]");
  expect(await one.ask("enter", "a", { number: 2 })).toContain("in band CONFLICT");
  expect(cluster.failures).toEqual([]);
});
