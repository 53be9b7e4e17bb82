// SPDX-License-Identifier: Apache-2.0
/** S4 over nodes in memory: what its unmodified clients see (semantics 2.3, 2.5 C, 4.5). */

import { RequestType, ResponseType } from "@conclave/api/s4";
import { describe, expect, test } from "vitest";
import { createMemoryCluster } from "../replica/memory-cluster.ts";
import { createMemoryNode, settled } from "../replica/memory-node.ts";
import { createMemoryClient, refusalOf } from "./memory-client.ts";
import { type HeaderInit, type LatchClient, LatchServer } from "./memory-latches.ts";

async function codeOf(call: Promise<unknown>): Promise<string | undefined> {
  return (await refusalOf(call))?.code;
}

/** Semantics 2.5 C; `next` is who makes the next call through which node. */
async function runScenarioC(
  connect: (clientId: string) => LatchClient,
  between: () => Promise<void> = async () => {},
): Promise<void> {
  const [l1, l2, l3] = [connect("l1"), connect("l2"), connect("l3")];
  for (const client of [l1, l2, l3]) await client.create();
  const watch = await l3.watch();
  expect(await l1.get()).toBe("0 - []");

  expect(await l1.latch()).toBe("1 l1 [l1]");
  await between();
  expect(await l2.latch()).toBe("1 l1 [l1 l2]");
  await between();
  expect(await l3.latch()).toBe("1 l1 [l1 l2 l3]");
  await between();
  await l1.close();
  expect(await watch.events()).toEqual([
    "RESPONSE_STREAM NONE without a latch",
    "RESPONSE CHANGE 1 l1 [l1]",
    "RESPONSE CHANGE 1 l1 [l1 l2]",
    "RESPONSE CHANGE 1 l1 [l1 l2 l3]",
    "RESPONSE CHANGE 2 l2 [l2 l3]",
  ]);

  await between();
  await l2.close();
  await l3.close();
  for (const client of [l1, l2]) await client.create();
  await between();
  expect(await l1.get()).toBe("3 - []");
  await l1.close();
  await l1.delete();
  expect(await codeOf(l2.delete())).toBe("NotFound");
  await between();
  await l3.create();
  expect(await l3.get()).toBe("0 - []");
}

describe("scenario C, three clients latch in turn and leave", () => {
  test("at one node", async () => {
    const server = new LatchServer(createMemoryNode(3));

    await runScenarioC((clientId) => server.connect(clientId));
  });

  test("each client at another of three nodes, and another leader between every two steps", async () => {
    const cluster = await createMemoryCluster(1);
    const servers = [1, 2, 3].map((node) => {
      return new LatchServer({ node: cluster.at(node).node, clock: cluster.clock });
    });
    let leader = 1;
    let connected = 0;

    await runScenarioC(
      (clientId) => servers[connected++ % 3]!.connect(clientId),
      async () => {
        leader = (leader % 3) + 1;
        cluster.group(1).lead(leader);
        await cluster.advance(100);
      },
    );
  });
});

describe("what is answered", () => {
  test("bug 23: the first Latch has its participants, a revision, and the client's own name", async () => {
    const client = new LatchServer(createMemoryNode()).connect("client-7");

    const { header, output } = await client.latches.latch({ header: client.header });

    expect(header?.responseType).toBe(ResponseType.RESPONSE);
    expect(output?.latch).toMatchObject({
      meta: { revision: { num: 1n } },
      leader: "client-7",
      participants: ["client-7"],
    });
  });

  test("bug 23: every answer about a latch that nobody ever held has it, with revision 0 and no time", async () => {
    const client = new LatchServer(createMemoryNode()).connect("a");
    const request = { header: client.header };

    const { output } = await client.latches.get(request);
    const { snapshot } = await client.latches.snapshot(request);

    for (const latch of [output?.latch, snapshot?.latch]) {
      expect(latch).toMatchObject({ meta: { revision: { num: 0n } }, participants: [] });
      expect(latch?.meta?.timestamp.case).toBeUndefined();
    }
  });

  test("the time of a latch is that of its last change, of its vacancy too", async () => {
    const memory = createMemoryNode();
    const server = new LatchServer(memory);
    const [a, b] = [server.connect("a"), server.connect("b")];
    const times: (number | undefined)[] = [];
    const look = async (): Promise<void> => {
      const { output } = await a.latches.get({ header: a.header });
      const timestamp = output?.latch?.meta?.timestamp;
      const time = timestamp?.case === "physicalTimestamp" ? timestamp.value.time : undefined;
      times.push(time && Number(time.seconds) * 1000 + time.nanos / 1_000_000);
    };
    const startMs = memory.clock.wallMs();

    await a.latch();
    await look();
    await memory.advance(1_000);
    await b.latch();
    await b.latch();
    await look();
    await memory.advance(1_000);
    await a.close();
    await b.close();
    await look();

    expect(times).toEqual([startMs, startMs + 1_000, startMs + 2_000]);
  });

  test("whatever type of request a header says is served", async () => {
    const client = new LatchServer(createMemoryNode()).connect("a");

    expect(await client.latch({ requestType: RequestType.REQUEST_STREAM })).toBe("1 a [a]");
    const watch = await client.watch({ requestType: RequestType.REQUEST });

    expect(await watch.events()).toEqual(["RESPONSE_STREAM NONE without a latch"]);
  });

  test("a latch may be used before it is created, and one that was only created can be deleted once", async () => {
    const server = new LatchServer(createMemoryNode());
    const [a, b] = [server.connect("a"), server.connect("b")];
    const other: HeaderInit = { primitiveId: { type: "LeaderLatch", name: "other" } };

    expect(await a.latch()).toBe("1 a [a]");
    await b.create(other);
    await b.close(other);
    await b.delete(other);

    expect(await codeOf(b.delete(other))).toBe("NotFound");
  });

  test("bug 51: an error of PrimitiveService has its code", async () => {
    const client = new LatchServer(createMemoryNode()).connect("a");

    expect(await codeOf(client.delete())).toBe("NotFound");
    expect(await codeOf(client.create({ primitiveId: { type: "Counter", name: "c" } }))).toBe(
      "InvalidArgument",
    );
  });
});

describe("events", () => {
  test("a stream begins with nothing, then has one event for each change and none for what changes nothing", async () => {
    const server = new LatchServer(createMemoryNode());
    const [a, b] = [server.connect("a"), server.connect("b")];
    await a.latch();
    const watch = await b.watch();

    await a.latch();
    await server.connect("c").close();
    await a.close();
    await b.latch();
    await b.delete();

    expect(await watch.events()).toEqual([
      "RESPONSE_STREAM NONE without a latch",
      "RESPONSE CHANGE 1 - []",
      "RESPONSE CHANGE 2 b [b]",
      "RESPONSE CHANGE 0 - []",
    ]);
  });

  test("bug 45: a stream ends in order when its own client closes, behind the event of its leaving", async () => {
    const server = new LatchServer(createMemoryNode());
    const [a, b] = [server.connect("a"), server.connect("b")];
    await a.latch();
    await b.latch();
    const c = server.connect("c");
    const [own, other, watcher] = [await a.watch(), await b.watch(), await c.watch()];

    await a.close();
    await c.close();

    expect((await own.events()).slice(1)).toEqual(["RESPONSE CHANGE 2 b [b]"]);
    expect(own.end).toBe("closed");
    expect(other.end).toBeUndefined();
    expect(watcher.end).toBe("closed");
  });

  test("a caller that goes leaves no watch behind", async () => {
    const memory = createMemoryNode();
    const watch = await new LatchServer(memory).connect("a").watch();
    const watchers = (): number => [...memory.node.partition(1).watchers.all()].length;
    expect(watchers()).toBe(1);

    await watch.cancel();

    expect(watchers()).toBe(0);
  });

  test("a stream of one who only watches lives through a fail-over, and ends where its node is cut off for a grace", async () => {
    const cluster = await createMemoryCluster(1);
    const server = new LatchServer({ node: cluster.at(2).node, clock: cluster.clock });
    const watch = await server.connect("a").watch();

    for (let i = 0; i < 2; i++) {
      cluster.group(1).loseLeader();
      await cluster.advance(9_000);
      cluster.group(1).lead(3);
      await cluster.advance(1_000);
    }
    await new LatchServer({ node: cluster.at(1).node, clock: cluster.clock }).connect("b").latch();
    expect((await watch.events()).slice(1)).toEqual(["RESPONSE CHANGE 1 b [b]"]);
    cluster.group(1).loseLeader();
    await cluster.advance(11_000);

    expect(watch.end).toMatchObject({ code: 14 });
  });

  test("bug 51: a stream whose node cannot keep its session ends once, with UNAVAILABLE, and is opened again", async () => {
    const cluster = await createMemoryCluster(1);
    const { node } = cluster.at(2);
    const server = new LatchServer({ node, clock: cluster.clock });
    const client = server.connect("a");
    await client.latch();
    const watch = await client.watch();
    cluster.group(1).loseLeader();

    await cluster.advance(11_000);
    expect(watch.end).toMatchObject({ code: 14 });
    cluster.group(1).lead(3);
    await cluster.advance(100);

    expect(await client.latch()).toMatch(/ a \[a\]$/);
    expect(await (await client.watch()).events()).toHaveLength(1);
  });
});

describe("numbers", () => {
  test("what was done under a number is answered again, not done again", async () => {
    const client = new LatchServer(createMemoryNode()).connect("a");
    expect(await client.latch({ requestId: 1n })).toBe("1 a [a]");
    await client.close({ requestId: 2n });

    expect(await client.latch({ requestId: 1n })).toBe("1 a [a]");
    expect(await client.get()).toBe("1 - []");
    expect(await client.latch({ requestId: 3n })).toBe("2 a [a]");
    await client.close({ requestId: 2n });

    expect(await client.get()).toBe("2 a [a]");
  });

  test("numbers may come in any order, go back and leave gaps, and are each client's and latch's own", async () => {
    const server = new LatchServer(createMemoryNode());
    const [a, b] = [server.connect("a"), server.connect("b")];
    const other: HeaderInit = { primitiveId: { type: "LeaderLatch", name: "other" } };

    expect(await a.latch({ requestId: 2n ** 64n - 1n })).toBe("1 a [a]");
    await a.close({ requestId: 7n });
    expect(await b.latch({ requestId: 7n })).toBe("2 b [b]");
    expect(await a.latch({ ...other, requestId: 7n })).toBe("1 a [a]");
  });

  test("a number with other content is INVALID_ARGUMENT and changes nothing", async () => {
    const client = new LatchServer(createMemoryNode()).connect("a");
    await client.latch({ requestId: 1n });

    expect(await codeOf(client.close({ requestId: 1n }))).toBe("InvalidArgument");
    expect(await codeOf(client.delete({ requestId: 1n }))).toBe("InvalidArgument");
    expect(await client.get()).toBe("1 a [a]");
  });

  test("a Delete under its number is OK again", async () => {
    const client = new LatchServer(createMemoryNode()).connect("a");
    await client.create();

    await client.delete({ requestId: 1n });
    await client.delete({ requestId: 1n });

    expect(await codeOf(client.delete({ requestId: 2n }))).toBe("NotFound");
  });
});

describe("bad input", () => {
  const LONG = "x".repeat(257);
  const BAD: readonly (readonly [string, HeaderInit])[] = [
    ["no name", { primitiveId: { type: "LeaderLatch" } }],
    ["another type", { primitiveId: { type: "Election", name: "test" } }],
    ["a name that is too long", { primitiveId: { type: "LeaderLatch", name: LONG } }],
    ["a name with a control character", { primitiveId: { type: "LeaderLatch", name: "a\0" } }],
  ];

  test.each(BAD)("%s is INVALID_ARGUMENT in every call", async (_, header) => {
    const memory = createMemoryNode();
    const client = new LatchServer(memory).connect("a");
    const calls = [client.latch, client.get, client.create, client.close, client.delete];

    for (const call of calls)
      expect(await codeOf(call.call(client, header))).toBe("InvalidArgument");
    expect(await codeOf(client.restore({}, header))).toBe("InvalidArgument");
    const watch = await client.watch(header);

    expect(watch.end).toMatchObject({ code: 3 });
    expect(memory.node.partition(1).state.elections.size).toBe(0);
  });

  test("a request without a header, or a header without an id, is INVALID_ARGUMENT", async () => {
    const { latches, primitives } = new LatchServer(createMemoryNode()).connect("a");

    for (const request of [{}, { header: {} }, { header: { clientId: "a" } }]) {
      expect(await codeOf(latches.latch(request))).toBe("InvalidArgument");
      expect(await codeOf(latches.snapshot(request))).toBe("InvalidArgument");
      expect(await codeOf(latches.restore(request))).toBe("InvalidArgument");
      expect(await codeOf(primitives.create(request))).toBe("InvalidArgument");
      expect(await codeOf(primitives.delete(request))).toBe("InvalidArgument");
    }
  });

  test("a client_id that cannot be a name is INVALID_ARGUMENT, and nobody is in the list", async () => {
    const server = new LatchServer(createMemoryNode());

    for (const clientId of [LONG, "a\u0007"]) {
      expect(await codeOf(server.connect(clientId).latch())).toBe("InvalidArgument");
    }

    expect(await server.connect("b").get()).toBe("0 - []");
  });

  test("where nobody leads, a call that waits as long as it may is UNAVAILABLE", async () => {
    const cluster = await createMemoryCluster(1);
    const server = new LatchServer({ node: cluster.at(2).node, clock: cluster.clock });
    const client = server.connect("a");
    cluster.group(1).loseLeader();

    const calls = [client.latch(), client.get(), client.create(), client.close()].map(codeOf);
    const watch = await client.watch();
    await cluster.advance(6_000);

    expect(await Promise.all(calls)).toEqual(calls.map(() => "Unavailable"));
    expect(watch.end).toMatchObject({ code: 14 });
  });
});

test("where the disk is full nobody latches and nothing is created, but who is in the way can be taken out", async () => {
  const memory = createMemoryNode();
  const server = new LatchServer(memory);
  const [a, b] = [server.connect("a"), server.connect("b")];
  await a.latch();
  memory.log(1).refuse("no-space");

  const refused = [b.latch(), b.create()].map(codeOf);
  await memory.advance(6_000);
  expect(await Promise.all(refused)).toEqual(["Unavailable", "Unavailable"]);
  await b.delete();

  expect(await b.get()).toBe("0 - []");
});

test("where it is configured, latches are elections and are shared with the other protocols", async () => {
  const memory = createMemoryNode();
  const s4 = { kind: "election", namespace: "apps" } as const;
  const client = new LatchServer(memory, { s4 }).connect("a");
  const native = createMemoryClient(memory.node);

  await client.latch();
  const { view } = await native.elections.get({ election: { namespace: "apps", name: "test" } });
  await native.elections.evict({
    election: { namespace: "apps", name: "test" },
    candidate: "a",
  });
  await settled();

  expect(view).toMatchObject({ term: 1n, leader: { name: "a" } });
  expect(await client.get()).toBe("1 - []");
});
