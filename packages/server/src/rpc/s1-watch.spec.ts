// SPDX-License-Identifier: Apache-2.0
/** Watches of S1: nothing first, then each state, and an end with what they hang on. */

import { describe, expect, test } from "vitest";
import { createMemoryCluster, type MemoryCluster } from "../replica/memory-cluster.ts";
import { createMemoryNode, type MemoryNode, settled } from "../replica/memory-node.ts";
import { openS1, S1Client, type S1Watch } from "./memory-s1.ts";

interface Watched {
  readonly memory: MemoryNode;
  /** Watches, and has entered `a`. */
  readonly one: S1Client;
  readonly two: S1Client;
  readonly watch: S1Watch;
}

async function client(memory: MemoryNode, timeoutS?: number): Promise<S1Client> {
  const opened = await S1Client.open(openS1(memory), 1, timeoutS);
  await opened.create();
  return opened;
}

async function watched(): Promise<Watched> {
  const memory = createMemoryNode();
  const [one, two] = [await client(memory), await client(memory)];
  await one.ask("enter", "a");
  return { memory, one, two, watch: await one.watch() };
}

function isWatched(memory: MemoryNode): boolean {
  return !memory.node.partition(1).watchers.isEmpty;
}

test("bug 15: a watch is sent nothing before the first change, and then the whole state", async () => {
  const { two, watch } = await watched();
  expect(watch.seen).toEqual([]);
  await two.ask("enter", "b");
  await two.ask("enter", "b");
  await two.ask("demote", "b");
  await settled();
  expect(watch.seen).toEqual(["1 a [b]"]);
});

test("bug 11: when the last candidate's session ends, others are told that the office is vacant", async () => {
  const { one, two } = await watched();
  const other = await two.watch();
  await one.closeSession();
  await settled();
  expect(other.seen).toEqual(["1 - []"]);
  expect(other.end).toBeUndefined();
});

test("bug 16: a watch that is over leaves nothing behind, however it ended", async () => {
  const { memory, one, watch } = await watched();
  expect(isWatched(memory)).toBe(true);
  await watch.cancel();
  expect(isWatched(memory)).toBe(false);

  const closed = await one.watch();
  await one.close();
  await settled();
  expect(closed.end).toBe("closed");
  expect(isWatched(memory)).toBe(false);
});

describe("bug 45: a watch ends when", () => {
  test("its session closes", async () => {
    const { memory, one, watch } = await watched();
    await one.closeSession();
    await settled();
    expect([watch.end, isWatched(memory)]).toEqual(["closed", false]);
    expect(watch.seen).toEqual(["1 - []"]);
  });

  test("its session expires", async () => {
    const memory = createMemoryNode();
    const one = await client(memory, 2);
    const watch = await one.watch();
    await memory.advance(2_500);
    expect([watch.end, isWatched(memory)]).toEqual(["closed", false]);
  });

  test("its session closes the primitive, and no other session's does", async () => {
    const { one, two, watch } = await watched();
    const other = await two.watch();
    await one.close();
    await settled();
    expect(watch.end).toBe("closed");
    expect(watch.seen).toEqual(["1 - []"]);
    expect(other.end).toBeUndefined();
    expect(other.seen).toEqual(["1 - []"]);
  });

  test("its session closes the primitive again that it has created again", async () => {
    const { one } = await watched();
    await one.close();
    await one.create();
    const watch = await one.watch();
    await one.close();
    await settled();
    expect(watch.end).toBe("closed");
  });

  test("somebody deletes the primitive", async () => {
    const { memory, watch } = await watched();
    const key = { kind: "election", namespace: "default", name: "e" } as const;
    memory.node.partition(1).submit({
      commands: [{ kind: "delete", key, options: { reason: "" } }],
      giveUpAtMs: memory.node.giveUpAtMs(),
      mayUseReserve: true,
      settle: () => {},
    });
    await settled();
    expect(watch.end).toBe("closed");
    expect(watch.seen).toEqual(["0 - []"]);
  });

  test("its node stops: to be opened again elsewhere", async () => {
    const { memory, watch } = await watched();
    memory.node.beginShutdown();
    await settled();
    expect(watch.end).toContain("Unavailable");
  });
});

test("a watch on what the session has not created is refused in band and ends", async () => {
  const { one } = await watched();
  const watch = await one.watch(99n);
  expect(watch.seen).toEqual([expect.stringContaining("in band FORBIDDEN: primitive not found")]);
  expect(watch.end).toBe("closed");
});

describe("through another node than the leader", () => {
  async function behind(): Promise<{ cluster: MemoryCluster; one: S1Client; two: S1Client }> {
    const cluster = await createMemoryCluster();
    const doorAt = (node: number) => openS1({ ...cluster.at(node), clock: cluster.clock });
    const one = await S1Client.open(doorAt(2));
    const two = await S1Client.open(doorAt(1));
    await one.create();
    await two.create();
    return { cluster, one, two };
  }

  test("a change that comes while the watch begins is not lost", async () => {
    const { cluster, one, two } = await behind();
    cluster.peers.fault(2, 1, "hold");
    const watch = await one.watch();
    await two.ask("enter", "a");
    cluster.peers.fault(2, 1, undefined);
    await settled();
    expect(watch.seen).toEqual(["1 a []"]);
  });

  test("a watch of one who has seen more than the node has waits for it, and repeats nothing", async () => {
    const { cluster, one, two } = await behind();
    cluster.group(1).lag(2);
    await two.ask("enter", "a");
    one.index = two.index;
    const watch = await one.watch();
    expect(watch.seen).toEqual([]);
    cluster.group(1).catchUp(2);
    await settled();
    expect(watch.seen).toEqual([]);
    await two.ask("enter", "b");
    await settled();
    expect(watch.seen).toEqual(["1 a [b]"]);
  });

  test("a watch ends for its client to open it again when the node's state is replaced", async () => {
    const { cluster, one } = await behind();
    const watch = await one.watch();
    cluster.group(1).install(2, 1);
    await settled();
    expect(watch.end).toContain("Unavailable");
  });

  test("a watch ends with its session when that ended in what the node did not see", async () => {
    const { cluster, one } = await behind();
    const watch = await one.watch();
    cluster.group(1).lag(2);
    one.door = openS1({ ...cluster.at(1), clock: cluster.clock });
    await one.closeSession();
    cluster.group(1).install(2, 1);
    await settled();
    expect(watch.end).toBeDefined();
    expect(cluster.at(2).node.partition(1).watchers.isEmpty).toBe(true);
  });
});
