// SPDX-License-Identifier: Apache-2.0
/** What the original of S0 had wrong (semantics 3.1 and 3.2), as its clients would meet it. */

import { expect, test } from "vitest";
import { createMemoryCluster } from "../replica/memory-cluster.ts";
import { createMemoryNode, settled } from "../replica/memory-node.ts";
import { openS0, S0Client, type S0Header } from "./memory-s0.ts";

test("bug 17: a candidate that enters twice is in the list once, and nobody is told of it", async () => {
  const client = await S0Client.open(openS0(createMemoryNode()), 1);
  await client.create();
  const watch = await client.watch();

  await client.ask("enter", "a");
  const again = await client.ask("enter", "a");
  await settled();

  expect(again.shown).toContain(": 1 a [a]");
  expect(watch.terms).toEqual(["1 a [a]"]);
});

test("bug 20: who watches a name that is deleted sees it vacated, and its stream ends", async () => {
  const door = openS0(createMemoryNode());
  const [watcher, other] = [await S0Client.open(door, 1), await S0Client.open(door, 1)];
  await watcher.create();
  const watch = await watcher.watch();
  await watcher.ask("enter", "a");

  // Who deletes it need not have it open.
  await other.delete();
  await settled();

  expect(watch.terms).toEqual(["1 a [a]", "1 - []"]);
  expect(watch.shown.at(-1)).toContain("response 4");
  expect(watch.shown.at(-1)).toContain("CLOSE_STREAM");
  expect(watch.end).toBe("closed");
});

test("bug 20: closing an election ends the closer's own stream, after the event of its leaving", async () => {
  const client = await S0Client.open(openS0(createMemoryNode()), 1);
  await client.create();
  const watch = await client.watch();
  await client.ask("enter", "a");

  await client.close();
  await settled();

  expect(watch.terms).toEqual(["1 a [a]", "1 - []"]);
  expect(watch.end).toBe("closed");
});

test("bug 28: Create, Close and Delete that are repeated are answered as the first time", async () => {
  const client = await S0Client.open(openS0(createMemoryNode()), 1);
  for (const verb of ["create", "close", "delete"] as const) {
    const first = await client[verb]();
    const again = await client[verb]({ requestId: client.number });
    expect(first.shown).toMatch(/^session 1 response \d index \d$/);
    expect(again.shown).toBe(first.shown);
  }
});

test("bug 29: a node that does not lead answers all the same, and never says NOT_LEADER", async () => {
  const cluster = await createMemoryCluster();
  const doors = [1, 2, 3].map((n) => openS0({ ...cluster.at(n), clock: cluster.clock }));
  const client = await S0Client.open(doors[1]!, 1);
  const shown: string[] = [(await client.create()).shown];
  const watch = await client.watch();
  for (const [i, door] of doors.entries()) {
    client.door = door;
    shown.push((await client.ask("enter", `${i}`)).shown, (await client.getTerm()).shown);
  }
  cluster.group(1).loseLeader();
  const lost = client.ask("enter", "x");
  await cluster.advance(5_100);

  expect(shown.filter((line) => /leader|LEADER|ERROR/.test(line))).toEqual([]);
  expect(shown.at(-1)).toContain(": 1 0 [0 1 2]");
  expect(watch.terms).toHaveLength(3);
  expect((await lost).shown).toBe("Unavailable");
});

test.each<[string, S0Header | undefined]>([
  ["no header", undefined],
  ["no partition", { sessionId: 1n, name: { name: "e" } }],
  ["partition 4 of 3", { sessionId: 1n, partition: 4, name: { name: "e" } }],
  ["partition -1", { sessionId: 1n, partition: -1, name: { name: "e" } }],
  ["no name", { sessionId: 1n, partition: 3 }],
  ["an empty name", { sessionId: 1n, partition: 3, name: { namespace: "ns" } }],
])("bug 30: %s is INVALID_ARGUMENT for every call that needs it", async (_, header) => {
  const memory = createMemoryNode(3);
  const { elections, sessions } = openS0(memory);
  const request = header === undefined ? {} : { header };
  const calls: (() => Promise<unknown>)[] = [
    () => elections.create(request),
    () => elections.close(request),
    () => elections.getTerm(request),
    ...(["enter", "withdraw", "anoint", "promote", "evict"] as const).map(
      (verb) => () => elections[verb]({ ...request, candidateId: "a" }),
    ),
    async () => {
      for await (const message of elections.events(request)) return message;
      return undefined;
    },
  ];
  // A session's own calls need no name.
  if (header?.partition !== 3) {
    calls.push(
      () => sessions.openSession(request),
      () => sessions.keepAlive(request),
      () => sessions.closeSession(request),
    );
  }

  for (const call of calls) await expect(call()).rejects.toThrow(/invalid_argument/);
  expect([1, 2, 3].flatMap((n) => memory.log(n).entries)).toEqual([]);
});

test("bug 31: a session expires when nobody else lives, and its late KeepAlive revives it not", async () => {
  const memory = createMemoryNode();
  const door = openS0(memory);
  const [dead, watcher] = [await S0Client.open(door, 1, "e", 2), await S0Client.open(door, 1)];
  await dead.create();
  await watcher.create();
  await dead.ask("enter", "a");
  const watch = await watcher.watch();

  await memory.advance(2_500);

  expect(watch.terms).toEqual(["1 - []"]);
  expect((await dead.keepAlive()).shown).toBe("session 1 ERROR");
  expect((await dead.ask("enter", "a")).shown).toBe("session 1 ERROR");
});

test("bug 32: a call that its client gave up stalls its session for one timeout at most", async () => {
  const memory = createMemoryNode();
  const client = await S0Client.open(openS0(memory), 1, "e", 2);
  await client.create();
  let shown = "";
  void client.ask("enter", "a", { requestId: 3n }).then((answer) => {
    shown = answer.shown;
  });

  await memory.advance(1_500);
  await client.keepAlive();
  expect(shown).toBe("");
  await memory.advance(600);
  await client.keepAlive();

  expect(shown).toContain("response 3");
  expect((await client.ask("enter", "b", { requestId: 2n })).shown).toBe("session 1 ERROR");
});

test("bug 33: names and namespaces with points in them are as different as they look", async () => {
  const memory = createMemoryNode();
  const { elections, sessions } = openS0(memory);
  const { header: opened } = await sessions.openSession({ header: { partition: 1 } });
  const { sessionId } = opened!;
  const names = [
    { namespace: "a.b", name: "c" },
    { namespace: "a", name: "b.c" },
  ];
  let requestId = 0n;
  for (const name of names) {
    const header = (): S0Header => ({ name, partition: 1, sessionId, requestId: ++requestId });
    await elections.create({ header: header() });
    await elections.enter({ header: header(), candidateId: name.name });
  }
  memory.log(1).install(memory.log(1).takeSnapshot());

  const leaders = await Promise.all(
    names.map((name) => elections.getTerm({ header: { name, partition: 1, sessionId } })),
  );
  expect(leaders.map(({ term }) => term?.leader)).toEqual(["c", "b.c"]);
});

test("bug 34: what was answered is answered again the same way after a snapshot", async () => {
  const memory = createMemoryNode();
  const client = await S0Client.open(openS0(memory), 1);
  await client.create();
  const entered = await client.ask("enter", "a");
  await client.ask("withdraw", "a");

  memory.log(1).install(memory.log(1).takeSnapshot());

  expect((await client.ask("enter", "a", { requestId: 2n })).shown).toBe(entered.shown);
  expect((await client.getTerm()).shown).toContain(": 1 - []");
});

test("bug 35: time is the same after a snapshot, and no session expires for it", async () => {
  const memory = createMemoryNode();
  const client = await S0Client.open(openS0(memory), 1);
  await client.create();
  const { term } = await client.ask("enter", "a");

  memory.log(1).install(memory.log(1).takeSnapshot());
  await memory.advance(5_000);

  expect((await client.getTerm()).term).toEqual(term);
  expect((await client.keepAlive()).shown).toBe("session 1");
});

test("bug 36: what comes through two nodes at a time is answered where it came from", async () => {
  const cluster = await createMemoryCluster();
  const open = (n: number): Promise<S0Client> =>
    S0Client.open(openS0({ ...cluster.at(n), clock: cluster.clock }), 1);
  const clients = [await open(2), await open(3)];
  await Promise.all(clients.map((client) => client.create()));

  const answers = await Promise.all(
    clients.map((client) => client.ask("enter", `of ${client.sessionId}`)),
  );

  const places = answers.map(({ header, term }) => [header?.sessionId, term?.candidates.at(-1)]);
  expect(places).toEqual(clients.map(({ sessionId }) => [sessionId, `of ${sessionId}`]));
});

test("bug 37: an index is the same at every node, and rises with each answer of a session", async () => {
  const cluster = await createMemoryCluster();
  const doors = [1, 2, 3].map((n) => openS0({ ...cluster.at(n), clock: cluster.clock }));
  const client = await S0Client.open(doors[0]!, 1);
  const indexes = [client.sessionId];
  await client.create();
  for (let i = 0; i < 6; i++) {
    client.door = doors[i % 3]!;
    const { header } = await client.ask("enter", "a");
    indexes.push(header!.index);
    const again = await openAgain(client, doors[(i + 1) % 3]!);
    expect(again).toBe(header?.index);
  }

  expect(indexes).toEqual([...new Set(indexes)].sort((a, b) => (a < b ? -1 : 1)));
});

async function openAgain(client: S0Client, door: S0Client["door"]): Promise<bigint | undefined> {
  const before = client.door;
  client.door = door;
  const { header } = await client.ask("enter", "a", { requestId: client.number });
  client.door = before;
  return header?.index;
}

test("bug 38: an answer carries the number of its call, and no stream", async () => {
  const client = await S0Client.open(openS0(createMemoryNode()), 1);
  await client.create();
  const { header } = await client.ask("enter", "a");

  expect(header).toMatchObject({ streamId: 0n, responseId: 2n });
});

test("bug 39: twenty calls at a time, in any order, are executed in the order of their numbers", async () => {
  const client = await S0Client.open(openS0(createMemoryNode()), 1);
  await client.create();
  const numbers = Array.from({ length: 20 }, (_, i) => ((i * 7) % 20) + 2);

  const answers = await Promise.all(
    numbers.map((n) => client.ask("enter", `${n}`, { requestId: BigInt(n) })),
  );

  const byNumber = answers.map(({ term }, i) => [numbers[i], term?.candidates.length]);
  expect(byNumber).toEqual(numbers.map((n) => [n, n - 1]));
});
