// SPDX-License-Identifier: Apache-2.0
/** S0 over nodes in memory: what its unmodified clients see (semantics 2.5 A, 4.1). */

import { PrimitiveType } from "@conclave/api/s0";
import { type PrimitiveKey, streamMessages } from "@conclave/fsm";
import { expect, test } from "vitest";
import { createMemoryNode, type MemoryNode, settled } from "../replica/memory-node.ts";
import { callDialect } from "./dialect-call.ts";
import { openS0, S0Client, type S0Verb, showHeader } from "./memory-s0.ts";

/** Of `e` among three partitions. */
const HOME = 3;

async function clientsOn(
  memory: MemoryNode,
  count: number,
  partition = 1,
): Promise<readonly S0Client[]> {
  const door = openS0(memory);
  const opened: S0Client[] = [];
  for (let i = 0; i < count; i++) opened.push(await S0Client.open(door, partition));
  return opened;
}

const STEPS: readonly (readonly [who: number, S0Verb, candidate: string, expected: string])[] = [
  [1, "enter", "e1", "1 e1 [e1]"],
  [2, "enter", "e2", "1 e1 [e1 e2]"],
  [3, "enter", "e3", "1 e1 [e1 e2 e3]"],
  [3, "promote", "e3", "1 e1 [e1 e3 e2]"],
  [3, "promote", "e3", "2 e3 [e3 e1 e2]"],
  [2, "anoint", "e2", "3 e2 [e2 e3 e1]"],
  [2, "withdraw", "e2", "4 e3 [e3 e1]"],
  [3, "evict", "e3", "5 e1 [e1]"],
  [2, "enter", "e2", "5 e1 [e1 e2]"],
  [1, "anoint", "e2", "6 e2 [e2 e1]"],
];

test("scenario A: each answer and each event is what the original client's own test asserts", async () => {
  const memory = createMemoryNode(3);
  const [e1, e2, e3] = (await clientsOn(memory, 3, HOME)) as [S0Client, S0Client, S0Client];
  for (const client of [e1, e2, e3]) await client.create();
  const watch = await e1.watch();
  expect((await e1.getTerm()).term).toMatchObject({ id: 0n, leader: "", candidates: [] });
  expect((await e1.getTerm()).term?.timestamp).toBeUndefined();

  for (const [who, verb, candidate, expected] of STEPS) {
    const { shown, term } = await [e1, e2, e3][who - 1]!.ask(verb, candidate);
    expect(shown).toContain(`: ${expected}`);
    await settled();
    expect(watch.terms.at(-1)).toBe(expected);
    expect(term?.timestamp).toBeDefined();
  }
  await e2.close();
  await settled();
  expect(watch.terms.at(-1)).toBe("7 e1 [e1]");
  expect(watch.terms).toHaveLength(STEPS.length + 1);

  for (const client of [e1, e3]) await client.close();
  for (const client of [e1, e2]) await client.create();
  expect((await e1.getTerm()).shown).toContain(": 7 - []");
  await e1.close();
  for (const client of [e1, e2]) expect((await client.delete()).shown).not.toContain("ERROR");
  await e3.create();
  expect((await e3.getTerm()).shown).toContain(": 0 - []");
});

test("the trace of 4.1.6, where the original was right", async () => {
  const memory = createMemoryNode();
  const door = openS0(memory);
  const opened = await door.sessions.openSession({ header: { partition: 1 } });
  expect(showHeader(opened.header)).toBe("session 1 index 1");
  const s1 = new S0Client(door, 1, "e", opened.header!.sessionId);
  const s2 = await S0Client.open(door, 1);
  expect(s2.sessionId).toBe(2n);

  expect((await s1.create()).shown).toBe("session 1 response 1 index 3");
  // Bug 28: the original has no answer to give again.
  expect((await s1.create({ requestId: 1n })).shown).toBe("session 1 response 1 index 3");
  expect((await s2.create()).shown).toBe("session 2 response 1 index 5");
  const watch = await s1.watch();
  expect(watch.shown).toEqual(["session 1 stream 2 response 1 index 6 OPEN_STREAM"]);

  const entered = "session 1 response 3 index 7: 1 a [a]";
  expect((await s1.ask("enter", "a")).shown).toBe(entered);
  expect((await s1.ask("enter", "a", { requestId: 3n })).shown).toBe(entered);
  // Bug 17: the original has two of one name in the list, and tells of it.
  expect((await s1.ask("enter", "a")).shown).toBe("session 1 response 4 index 9: 1 a [a]");
  expect((await s2.ask("enter", "b")).shown).toBe("session 2 response 2 index 10: 1 a [a b]");
  expect((await s2.ask("withdraw", "a")).shown).toBe("session 2 response 3 index 11: 2 b [b]");
  expect((await s2.ask("anoint", "x")).shown).toBe("session 2 response 4 index 12: 2 b [b]");
  expect((await s2.getTerm()).shown).toBe("session 2 index 12: 2 b [b]");
  expect((await s2.close()).shown).toBe("session 2 response 5 index 13");
  expect((await s2.getTerm()).shown).toBe("session 2 ERROR");
  await settled();
  expect(watch.shown.slice(1)).toEqual([
    "session 1 stream 2 response 2 index 7: 1 a [a]",
    "session 1 stream 2 response 3 index 10: 1 a [a b]",
    "session 1 stream 2 response 4 index 11: 2 b [b]",
    "session 1 stream 2 response 5 index 13: 2 - []",
  ]);
  expect(watch.messages.at(-1)?.term?.timestamp).toEqual(watch.messages.at(-2)?.term?.timestamp);

  const streams = [{ streamId: 2n, responseId: 5n }];
  expect((await s1.keepAlive({ requestId: 4n, index: 13n, streams })).shown).toBe("session 1");
  expect((await s1.keepAlive({ requestId: 4n, index: 13n })).shown).toBe("session 1");
  await settled();
  expect(watch.shown.slice(5)).toEqual(["session 1 stream 2 response 6 index 15 CLOSE_STREAM"]);
  expect(watch.end).toBe("closed");
  expect((await s2.closeSession()).shown).toBe("session 2");
});

test("a watch that is opened again goes on with all that was not acknowledged, OPEN_STREAM too", async () => {
  const memory = createMemoryNode();
  const client = await S0Client.open(openS0(memory), 1);
  await client.create();
  const first = await client.watch();
  await client.ask("enter", "a");
  await settled();
  await first.cancel();
  await client.ask("enter", "b");

  const again = await client.watch({ requestId: 2n });
  expect(again.responseIds).toEqual([1, 2, 3]);
  await client.keepAlive({ requestId: 4n, streams: [{ streamId: 2n, responseId: 2n }] });
  await settled();
  const third = await client.watch({ requestId: 2n });

  // Its answer is acknowledged and forgotten, the stream is open all the same.
  expect(third.responseIds).toEqual([3]);
  await client.ask("enter", "c");
  await settled();
  expect([again.responseIds, third.responseIds]).toEqual([
    [1, 2, 3, 4],
    [3, 4],
  ]);
  expect(first.responseIds).toEqual([1, 2]);
});

test("a client that drops its watch closes nothing; its KeepAlive without the stream does", async () => {
  const memory = createMemoryNode();
  const client = await S0Client.open(openS0(memory), 1);
  await client.create();
  const watch = await client.watch();
  await watch.cancel();
  await client.ask("enter", "a");

  const streamsOf = (): number | undefined =>
    streamMessages(memory.node.partition(1).state, client.sessionId, 2)?.length;
  expect(streamsOf()).toBe(2);
  await client.keepAlive({ requestId: 3n });
  await settled();

  expect(streamsOf()).toBeUndefined();
  expect((await client.watch({ requestId: 2n })).shown).toEqual(["session 1 ERROR"]);
});

test("the end of a session ends its streams with CLOSE_STREAM, and the others are told who leads", async () => {
  const memory = createMemoryNode();
  const [a, b] = (await clientsOn(memory, 2)) as [S0Client, S0Client];
  for (const client of [a, b]) await client.create();
  const [ofA, ofB] = [await a.watch(), await b.watch()];
  await a.ask("enter", "a");
  await b.ask("enter", "b");

  await a.closeSession();
  await settled();

  expect(ofA.shown.at(-1)).toContain("CLOSE_STREAM");
  expect(ofA.end).toBe("closed");
  expect(ofB.terms).toEqual(["1 a [a]", "1 a [a b]", "2 b [b]"]);
  expect((await a.closeSession()).shown).toBe("session 1");
});

test("a name that another session holds goes over to the one that enters it, in its place", async () => {
  const memory = createMemoryNode();
  const [old, again] = (await clientsOn(memory, 2)) as [S0Client, S0Client];
  for (const client of [old, again]) await client.create();
  for (const name of ["a", "b"]) await old.ask("enter", name);
  const watch = await again.watch();

  // One that waits: nobody sees a change. One that leads: another process has taken office.
  expect((await again.ask("enter", "b")).shown).toContain(": 1 a [a b]");
  expect((await again.ask("enter", "a")).shown).toContain(": 2 a [a b]");
  await old.closeSession();
  await settled();

  expect(watch.terms).toEqual(["2 a [a b]"]);
});

test("GetTerm waits for the commands of its session that were sent before it", async () => {
  const memory = createMemoryNode();
  const client = await S0Client.open(openS0(memory), 1);
  await client.create();

  const term = client.getTerm({ requestId: 2n });
  await memory.advance(100);
  await client.ask("enter", "a");

  expect((await term).shown).toContain(": 1 a [a]");
});

test("GetTerm answers without a command that never came, after one timeout of the session", async () => {
  const memory = createMemoryNode();
  const client = await S0Client.open(openS0(memory), 1, "e", 2);
  await client.create();
  let shown = "";
  void client.getTerm({ requestId: 9n }).then((answer) => {
    shown = answer.shown;
  });

  await memory.advance(1_000);
  await client.keepAlive();
  await memory.advance(900);
  expect(shown).toBe("");
  await client.keepAlive();
  await memory.advance(200);

  expect(shown).toContain(": 0 - []");
});

test("a KeepAlive that acknowledges nothing new leaves no trace in the log", async () => {
  const memory = createMemoryNode();
  const client = await S0Client.open(openS0(memory), 1);
  await client.create();
  await client.watch();
  const streams = [{ streamId: 2n, responseId: 1n }];
  await client.keepAlive({ requestId: 2n, streams });
  await settled();
  const before = memory.log(1).entries.length;

  for (let i = 0; i < 3; i++) await client.keepAlive({ requestId: 2n, streams });
  await settled();

  expect(memory.log(1).entries.length).toBe(before);
});

test("Create and Close are taken on every partition and bind where the name is at home only", async () => {
  const memory = createMemoryNode(3);
  const door = openS0(memory);
  const elsewhere = await S0Client.open(door, 1);

  expect((await elsewhere.create()).shown).toBe("session 1 response 1 index 2");
  expect((await elsewhere.close()).shown).toBe("session 1 response 2 index 3");
  expect((await elsewhere.delete()).shown).toBe("session 1 response 3 index 4");

  const { primitives } = await door.metadata.getPrimitives({ namespace: "ns" });
  expect(primitives).toEqual([]);
});

test("GetPrimitives lists elections and latches of one namespace, by type where one is asked for", async () => {
  const memory = createMemoryNode(3);
  const door = openS0(memory);
  const client = await S0Client.open(door, HOME);
  await client.create();
  const call = (key: PrimitiveKey): Promise<unknown> =>
    callDialect(
      memory.node.homeOf(key),
      {
        kind: "dialect-call",
        sessionId: 1n,
        order: { kind: "free" },
        operation: { kind: "create", key },
      },
      { giveUpAtMs: memory.node.giveUpAtMs() },
    );
  await S0Client.open(door, 1);
  await call({ kind: "latch", namespace: "ns", name: "ñ" });
  await call({ kind: "election", namespace: "other", name: "e" });
  const list = async (type?: PrimitiveType): Promise<string[]> => {
    const header = { partition: 1 };
    const request = { header, namespace: "ns", ...(type === undefined ? {} : { type }) };
    const { primitives } = await door.metadata.getPrimitives(request);
    return primitives.map(({ type: of, name }) => {
      return `${PrimitiveType[of]} ${name?.namespace}/${name?.name}`;
    });
  };

  expect(await list()).toEqual(["ELECTION ns/e", "LEADER_LATCH ns/ñ"]);
  expect(await list(PrimitiveType.ELECTION)).toEqual(["ELECTION ns/e"]);
  expect(await list(PrimitiveType.LEADER_LATCH)).toEqual(["LEADER_LATCH ns/ñ"]);
  expect(await list(PrimitiveType.MAP)).toEqual([]);
});
