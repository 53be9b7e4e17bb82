// SPDX-License-Identifier: Apache-2.0
/** S1 over a node in memory: what its unmodified driver sees (semantics 2.5 E, 4.2). */

import { describe, expect, test } from "vitest";
import { createMemoryNode, type MemoryNode, settled } from "../replica/memory-node.ts";
import { openS1, S1Client, type S1Verb, writeFilter } from "./memory-s1.ts";

/** Of `e` among three partitions. */
const HOME = 3;
const KEY = { kind: "election", namespace: "default", name: "e" } as const;

async function clients(memory: MemoryNode, count: number, partition = 1): Promise<S1Client[]> {
  const door = openS1(memory);
  const opened: S1Client[] = [];
  for (let i = 0; i < count; i++) {
    const client = await S1Client.open(door, partition);
    expect(await client.create()).toBe("OK");
    opened.push(client);
  }
  return opened;
}

async function client(memory: MemoryNode = createMemoryNode()): Promise<S1Client> {
  const [only] = await clients(memory, 1);
  return only!;
}

const STEPS: readonly (readonly [who: number, S1Verb, candidate: string, expected: string])[] = [
  [1, "enter", "e1", "1 e1 []"],
  [2, "enter", "e2", "1 e1 [e2]"],
  [3, "enter", "e3", "1 e1 [e2 e3]"],
  [3, "promote", "e3", "1 e1 [e3 e2]"],
  [3, "promote", "e3", "2 e3 [e1 e2]"],
  [2, "anoint", "e2", "3 e2 [e3 e1]"],
  [2, "withdraw", "e2", "4 e3 [e1]"],
  [3, "evict", "e3", "5 e1 []"],
  [2, "enter", "e2", "5 e1 [e2]"],
  [1, "anoint", "e2", "6 e2 [e1]"],
  [3, "demote", "e2", "7 e1 [e2]"],
];

test("the steps of the original's election test, the leader apart, in answers, events and reads", async () => {
  const memory = createMemoryNode(3);
  const [e1, e2, e3] = (await clients(memory, 3, HOME)) as [S1Client, S1Client, S1Client];
  const watch = await e1.watch();
  expect(await e1.getTerm()).toBe("0 - []");
  expect(watch.seen).toEqual([]);

  const indexes: bigint[] = [];
  for (const [who, verb, candidate, expected] of STEPS) {
    const caller = [e1, e2, e3][who - 1]!;
    expect(await caller.ask(verb, candidate)).toBe(expected);
    indexes.push(caller.index);
    await settled();
    expect(watch.seen.at(-1)).toBe(expected);
    expect(await e3.getTerm()).toBe(expected);
  }
  expect(await e2.close()).toBe("OK");
  await settled();
  expect(watch.seen.at(-1)).toBe("7 e1 []");
  expect(watch.seen).toHaveLength(STEPS.length + 1);
  expect(indexes).toEqual([...new Set(indexes)].sort((a, b) => Number(a - b)));

  await e1.close();
  await e1.create();
  expect(await e1.getTerm()).toBe("7 - []");
});

test("scenario E: what the original driver's test sends while a stream is open, and after", async () => {
  const one = await client();
  const { partitionId, sessionId } = one;
  const keepAlive = async (lastInput: number, open: number[], outputs: Record<string, bigint>) => {
    const inputFilter = new TextEncoder().encode(writeFilter(open));
    const lastInputSequenceNum = BigInt(lastInput);
    const input = { sessionId, lastInputSequenceNum, inputFilter, lastOutputSequenceNums: outputs };
    return await one.door.sessions.keepAlive({ headers: { partitionId }, input });
  };
  const watch = await one.watch();
  expect(one.number).toBe(2);
  expect(await one.ask("enter", "a")).toBe("1 a []");
  await keepAlive(3, [2], { "2": 2n });
  expect(await one.ask("enter", "b")).toBe("1 a [b]");
  await keepAlive(4, [2], { "2": 3n });
  await settled();
  expect(watch.seen).toEqual(["1 a []", "1 a [b]"]);
  expect(watch.end).toBeUndefined();

  await watch.cancel();
  await keepAlive(4, [], {});
  await settled();
  expect(await one.ask("enter", "c", { number: 2 })).toContain("in band CONFLICT");
  expect(await one.ask("enter", "c")).toBe("1 a [b c]");
});

describe("numbers", () => {
  test("are counted by the session over creations, commands, queries and closings", async () => {
    const one = await client();
    expect(one.number).toBe(1);
    expect([await one.ask("enter", "a"), one.output]).toEqual(["1 a []", 1n]);
    await one.getTerm();
    expect([await one.close(), one.output]).toEqual(["OK", 0n]);
    expect([await one.create(), one.output, one.number]).toEqual(["OK", 0n, 5]);
  });

  test("that come again are answered as before, closings and creations too", async () => {
    const one = await client();
    const { primitiveId } = one;
    await one.ask("enter", "a");
    await one.ask("enter", "b");
    expect(await one.ask("enter", "a", { number: 2 })).toBe("1 a []");
    expect(one.output).toBe(1n);
    expect(await one.create("e", { number: 1 })).toBe("OK");
    expect(one.primitiveId).toBe(primitiveId);

    expect(await one.close()).toBe("OK");
    expect(await one.close({ number: 4 })).toBe("OK");
    expect(await one.ask("enter", "b", { number: 3 })).toBe("1 a [b]");
    expect(await one.ask("enter", "c")).toContain("in band FORBIDDEN: primitive not found");
  });

  test("that nobody counts to are refused before anything is done", async () => {
    const one = await client();
    for (const number of [0, Number.MAX_SAFE_INTEGER + 1]) {
      expect(await one.ask("enter", "a", { number })).toContain("InvalidArgument: sequence_num");
    }
    expect(await one.getTerm()).toBe("0 - []");
  });

  test("wait for a KeepAlive once 1,024 are unacknowledged, and then go on", async () => {
    const memory = createMemoryNode();
    const one = await client(memory);
    const { sessionId } = one;
    const operation = { kind: "anoint", key: KEY, candidate: "nobody" } as const;
    const commands = Array.from({ length: 1_023 }, (_, i) => {
      const order = { kind: "set", number: i + 2 } as const;
      return { kind: "dialect-call", sessionId, order, operation } as const;
    });
    const giveUpAtMs = memory.node.giveUpAtMs();
    const settle = (): void => {};
    memory.node.partition(1).submit({ commands, giveUpAtMs, mayUseReserve: false, settle });
    await settled();

    const refused = await one.ask("enter", "a", { number: 1_025 });
    expect(refused).toContain("Unavailable: too many unacknowledged");
    await one.keepAlive(1_025, [1_025]);
    expect(await one.ask("enter", "a", { number: 1_025 })).toBe("1 a []");
  });
});

describe("a KeepAlive", () => {
  test("acknowledges what its filter does not hold, in an entry of its own", async () => {
    const memory = createMemoryNode();
    const one = await client(memory);
    await one.ask("enter", "a");
    await one.ask("enter", "b");
    const before = memory.log(1).entries.length;

    expect(await one.keepAlive(3, [2])).toBe("index true");

    expect(memory.log(1).entries).toHaveLength(before + 1);
    expect(await one.ask("enter", "a", { number: 2 })).toBe("1 a []");
    expect(await one.ask("enter", "b", { number: 3 })).toContain("in band CONFLICT");
  });

  test("writes nothing when there is nothing new in it", async () => {
    const memory = createMemoryNode();
    const one = await client(memory);
    await one.ask("enter", "a");
    await one.keepAlive(2, [2]);
    const before = memory.log(1).entries.length;
    await one.keepAlive(2, [2]);
    await one.keepAlive(2, [2]);
    expect(memory.log(1).entries).toHaveLength(before);
    await one.keepAlive(2);
    expect(memory.log(1).entries).toHaveLength(before + 1);
  });

  test("is answered although what it acknowledges cannot be written", async () => {
    const memory = createMemoryNode();
    const one = await client(memory);
    await one.ask("enter", "a");
    memory.log(1).stall();
    expect(await one.keepAlive(2)).toBe("index true");
    memory.log(1).resume();
    await settled();
    expect(await one.ask("enter", "b", { number: 2 })).toContain("in band CONFLICT");
  });

  test("of a client that says no numbers at all renews all the same", async () => {
    const memory = createMemoryNode();
    const one = await S1Client.open(openS1(memory), 1, 2);
    const { partitionId, sessionId } = one;
    for (let i = 0; i < 3; i++) {
      await memory.advance(1_500);
      await one.door.sessions.keepAlive({ headers: { partitionId }, input: { sessionId } });
    }
    expect(await one.create()).toBe("OK");
  });
});

describe("a session", () => {
  test("has the partition's index for its id, and answers that lie above it", async () => {
    const memory = createMemoryNode();
    const [one, two] = (await clients(memory, 2)) as [S1Client, S1Client];
    expect([one.sessionId, one.primitiveId]).toEqual([1n, 2n]);
    expect([two.sessionId, two.primitiveId]).toEqual([3n, 2n]);
    expect(two.index).toBe(4n);
  });

  test("lives for a minute when it asks for no time, or none", async () => {
    const memory = createMemoryNode();
    const one = await client(memory);
    const none = await S1Client.open(openS1(memory), 1, 0);
    await one.ask("enter", "a");
    await memory.advance(59_000);
    expect(await none.create()).toBe("OK");
    expect(await none.getTerm()).toBe("1 a []");
    await memory.advance(2_000);
    expect(await one.keepAlive(0)).toBe("PermissionDenied: session not found");
    expect(await none.create()).toBe("PermissionDenied: session not found");
  });

  test("is kept to a least time, and a most", async () => {
    const memory = createMemoryNode();
    const short = await openS1(memory).sessions.openSession({
      headers: { partitionId: 1 },
      input: { timeout: { nanos: 1 } },
    });
    const long = await S1Client.open(openS1(memory), 1, 10_000_000);
    const ttlOf = (id: bigint): unknown => memory.node.partition(1).session(id);
    expect(ttlOf(short.output!.sessionId)).toMatchObject({ ttlMs: 500 });
    expect(ttlOf(long.sessionId)).toMatchObject({ ttlMs: 86_400_000 });
  });

  test("that is closed takes its candidates along, and is closed when it is closed again", async () => {
    const memory = createMemoryNode();
    const [one, two] = (await clients(memory, 2)) as [S1Client, S1Client];
    await one.ask("enter", "a");
    await two.ask("enter", "b");
    expect(await one.closeSession()).toBe("closed");
    expect(await one.closeSession()).toBe("closed");
    expect(await two.getTerm()).toBe("2 b []");
    expect(await one.ask("enter", "a")).toBe("PermissionDenied: session not found");
    expect(await one.getTerm()).toBe("PermissionDenied: session not found");
    expect(await one.keepAlive(1)).toBe("PermissionDenied: session not found");
  });

  test("of another dialect, or a native one, is nobody's here", async () => {
    const memory = createMemoryNode();
    const { node } = memory;
    const labels = new Map();
    const submission = { giveUpAtMs: node.giveUpAtMs(), mayUseReserve: false, settle: () => {} };
    node.partition(1).submit({
      ...submission,
      commands: [
        { kind: "open-session", sessionId: 77n, ttlMs: 10_000, graceMs: 0, labels },
        { kind: "open-indexed-session", dialect: "s0", ttlMs: 10_000 },
      ],
    });
    await settled();
    for (const sessionId of [77n, 2n]) {
      const asked = new S1Client(openS1(memory), 1, sessionId);
      expect(await asked.keepAlive(1)).toBe("PermissionDenied: session not found");
      expect(await asked.closeSession()).toBe("PermissionDenied: session not found");
      expect(await asked.ask("enter", "a")).toBe("PermissionDenied: session not found");
      expect(node.partition(1).session(sessionId)).toMatchObject({ ttlMs: 10_000 });
    }
  });
});
