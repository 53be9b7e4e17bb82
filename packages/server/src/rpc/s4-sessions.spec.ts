// SPDX-License-Identifier: Apache-2.0
/**
 * Who a participant of S4 is, and for how long: by client_id, by connection, by a session opened
 * natively (semantics A2), and after a Restore (A4, schedule M).
 */

import { describe, expect, test } from "vitest";
import { createMemoryCluster } from "../replica/memory-cluster.ts";
import { createMemoryNode, type MemoryNode } from "../replica/memory-node.ts";
import { createMemoryClient, refusalOf } from "./memory-client.ts";
import { MemoryConnection } from "./memory-connection.ts";
import { type HeaderInit, type LatchClient, LatchServer } from "./memory-latches.ts";

/** The default (semantics A2). */
const GRACE_MS = 10_000;

async function codeOf(call: Promise<unknown>): Promise<string | undefined> {
  return (await refusalOf(call))?.code;
}

function served(): { readonly memory: MemoryNode; readonly server: LatchServer } {
  const memory = createMemoryNode();
  return { memory, server: new LatchServer(memory) };
}

describe("over HTTP/2", () => {
  test("two clients that say no client_id are two participants, each always the same", async () => {
    const { server } = served();
    const [a, b] = [server.connect(""), server.connect("")];

    await a.latch();
    await b.latch();
    const [, names] = /\[(.*)\]/.exec(await a.latch()) ?? [];

    expect(new Set(names?.split(" connection "))).toHaveProperty("size", 2);
    await a.close();
    expect(await b.get()).toMatch(/^2 connection \S+ \[connection \S+\]$/);
  });

  test("connections of a node that was started again are not taken for those before", async () => {
    const { memory, server } = served();
    const connection = new MemoryConnection();

    const before = await server.connect("", connection).latch();
    const after = await new LatchServer(memory).connect("", connection).latch();

    expect(after).toContain(before.slice(2, -1));
    expect(after.length).toBeGreaterThan(before.length);
  });

  test("a participant lives while any connection that used its name is open, and a grace longer", async () => {
    const { memory, server } = served();
    const [first, second] = [server.connect("a"), server.connect("a")];
    const b = server.connect("b");
    await first.latch();
    await b.latch();
    await second.get();

    first.connection.close();
    await memory.advance(3 * GRACE_MS);
    expect(await b.get()).toBe("1 a [a b]");
    second.connection.close();
    await memory.advance(GRACE_MS - 500);
    expect(await b.get()).toBe("1 a [a b]");
    await memory.advance(1_500);

    expect(await b.get()).toBe("2 b [b]");
  });

  test("one that comes back at the end of its grace, with a read even, keeps its place", async () => {
    const { memory, server } = served();
    const [a, b] = [server.connect("a"), server.connect("b")];
    await a.latch();
    await b.latch();
    a.connection.close();
    await memory.advance(GRACE_MS - 200);

    const again = server.connect("a");
    await again.get();
    await memory.advance(3 * GRACE_MS);

    expect(await again.latch()).toBe("1 a [a b]");
  });

  test("one that comes back at another node keeps its place, and its office under a new revision", async () => {
    const cluster = await createMemoryCluster(1);
    const [one, two] = [1, 2].map((node) => {
      return new LatchServer({ node: cluster.at(node).node, clock: cluster.clock });
    });
    const [a, b] = [one!.connect("a"), one!.connect("b")];
    await a.latch();
    await b.latch();
    a.connection.close();

    const again = two!.connect("a");
    expect(await again.latch()).toBe("2 a [a b]");
    await cluster.advance(3 * GRACE_MS);

    expect(await again.get()).toBe("2 a [a b]");
  });

  test("a client leaves by its name through any node", async () => {
    const cluster = await createMemoryCluster(1);
    const [one, two] = [1, 2].map((node) => {
      return new LatchServer({ node: cluster.at(node).node, clock: cluster.clock });
    });
    await one!.connect("a").latch();

    await two!.connect("a").close();

    expect(await one!.connect("b").get()).toBe("1 - []");
  });

  test("200 connections that come, latch and go leave nothing behind after their grace", async () => {
    const { memory, server } = served();
    for (let i = 0; i < 200; i++) {
      const client = server.connect(i % 2 === 0 ? "" : `c${i}`);
      await client.latch({ primitiveId: { type: "LeaderLatch", name: `l${i % 10}` } });
      client.connection.close();
    }
    expect(server.services.sessions.size).toBe(200);

    await memory.advance(GRACE_MS + 4_000);

    expect(server.services.sessions.size).toBe(0);
    expect(memory.node.partition(1).state.sessions.size).toBe(0);
    expect(memory.failures).toEqual([]);
  });
});

test("to watch, to read and to close cost no session in the log", async () => {
  const { memory, server } = served();
  const client = server.connect("a");

  await client.create();
  await client.watch();
  await client.get();
  await client.close();

  expect(memory.node.partition(1).state.sessions.size).toBe(0);
});

test("a connection that latches and closes under one name after another keeps no session of them", async () => {
  const { memory, server } = served();
  const connection = new MemoryConnection();

  for (let i = 0; i < 20; i++) {
    const client = server.connect(`c${i}`, connection);
    await client.latch();
    await client.close();
  }
  expect(server.services.sessions.size).toBe(0);
  await memory.advance(GRACE_MS + 500);

  expect(memory.node.partition(1).state.sessions.size).toBe(0);
});

describe("over HTTP/1.1", () => {
  const SESSION = 77n;

  function connectPlainly(server: LatchServer, clientId: string): LatchClient {
    return server.connect(clientId, new MemoryConnection(false));
  }

  test("to latch is FAILED_PRECONDITION without a session; all else is served", async () => {
    const { server } = served();
    const client = connectPlainly(server, "a");

    expect(await refusalOf(client.latch())).toMatchObject({ code: "FailedPrecondition" });
    expect(await client.get()).toBe("0 - []");
    await client.create();
    await client.close();
    await client.restore({ latch: { leader: "x", participants: ["x"] } });
    expect(await client.get()).toBe("1 x [x]");
    await client.delete();
    expect(await (await client.watch()).events()).toHaveLength(1);
  });

  test("a participant is its client_id under the session that `session-id` names, for as long as that lives", async () => {
    const { memory, server } = served();
    const { sessions } = createMemoryClient(memory.node);
    await sessions.openSession({ sessionId: SESSION });
    const client = connectPlainly(server, "a");
    client.metadata["session-id"] = `${SESSION}`;

    expect(await client.latch()).toBe("1 a [a]");
    await sessions.closeSession({ sessionId: SESSION });

    expect(await client.get()).toBe("1 - []");
    expect(await codeOf(client.latch())).toBe("PermissionDenied");
  });

  test("of two participants under one session the one that closes leaves, and the other stays", async () => {
    const { memory, server } = served();
    await createMemoryClient(memory.node).sessions.openSession({ sessionId: SESSION });
    const [a, b] = [connectPlainly(server, "a"), connectPlainly(server, "b")];
    for (const client of [a, b]) client.metadata["session-id"] = `${SESSION}`;
    await a.latch();
    await b.latch();

    await a.close();

    expect(await a.get()).toBe("2 b [b]");
  });

  test("without a client_id nobody can be told who latches", async () => {
    const { memory, server } = served();
    await createMemoryClient(memory.node).sessions.openSession({ sessionId: SESSION });
    const client = connectPlainly(server, "");
    client.metadata["session-id"] = `${SESSION}`;

    expect(await codeOf(client.latch())).toBe("InvalidArgument");
    expect(await codeOf(client.close())).toBe("InvalidArgument");
  });

  test.each([
    ["", "InvalidArgument"],
    ["0", "InvalidArgument"],
    ["-1", "InvalidArgument"],
    ["a name", "InvalidArgument"],
    [`${1n << 64n}`, "InvalidArgument"],
    ["123456", "PermissionDenied"],
  ])("the session-id %j is %s", async (sessionId, code) => {
    const { memory, server } = served();
    const client = connectPlainly(server, "a");
    client.metadata["session-id"] = sessionId;

    expect(await codeOf(client.latch())).toBe(code);
    expect(memory.node.partition(1).state.elections.size).toBe(0);
  });
});

describe("Restore", () => {
  const latchOf = (revision: bigint, ...participants: string[]) => ({
    latch: { meta: { revision: { num: revision } }, leader: participants[0] ?? "", participants },
  });

  test("what a snapshot shows is restored, with one event", async () => {
    const { server } = served();
    const [a, b] = [server.connect("a"), server.connect("b")];
    await a.latch();
    await b.latch();
    const { snapshot } = await a.latches.snapshot({ header: a.header });
    await a.close();
    const watch = await b.watch();

    await b.restore(snapshot);

    expect((await watch.events()).slice(1)).toEqual(["RESPONSE CHANGE 3 a [a b]"]);
  });

  test("the revision becomes the higher one, and one more when another leads", async () => {
    const { server } = served();
    const a = server.connect("a");
    await a.latch();

    await a.restore(latchOf(5n, "a", "x"));
    expect(await a.get()).toBe("5 a [a x]");
    await a.restore(latchOf(2n, "x", "a"));
    expect(await a.get()).toBe("6 x [x a]");
    await a.restore({});

    expect(await a.get()).toBe("6 - []");
  });

  test("M: nobody who is restored is immortal: who does not call within the grace is gone", async () => {
    const { memory, server } = served();
    const a = server.connect("a");
    await a.latch();

    await a.restore(latchOf(5n, "x", "a", "y"));
    await memory.advance(GRACE_MS - 500);
    expect(await a.get()).toBe("6 x [x a y]");
    await memory.advance(1_500);

    expect(await a.get()).toBe("7 a [a]");
    await memory.advance(GRACE_MS);
    expect(server.services.sessions.size).toBe(1);
  });

  test("one who is restored and calls within the grace keeps place and office", async () => {
    const { memory, server } = served();
    const operator = server.connect("operator");
    await operator.restore(latchOf(5n, "x", "y"));
    await memory.advance(GRACE_MS - 500);

    const [x, y] = [server.connect("x"), server.connect("y")];
    await x.get();
    await y.latch();
    await memory.advance(3 * GRACE_MS);

    expect(await x.latch()).toBe("6 x [x y]");
  });

  test("one who is connected and restored lives with its connection", async () => {
    const { memory, server } = served();
    const [x, operator] = [server.connect("x"), server.connect("operator")];
    await x.latch({ primitiveId: { type: "LeaderLatch", name: "other" } });

    await operator.restore(latchOf(5n, "x"));
    await memory.advance(3 * GRACE_MS);
    expect(await operator.get()).toBe("6 x [x]");
    x.connection.close();
    await memory.advance(GRACE_MS + 1_500);

    expect(await operator.get()).toBe("6 - []");
  });

  test("one who is restored in one latch and leaves another stays in the first", async () => {
    const { memory, server } = served();
    const [x, operator] = [server.connect("x"), server.connect("operator")];
    const other: HeaderInit = { primitiveId: { type: "LeaderLatch", name: "other" } };
    await operator.restore(latchOf(5n, "x"));

    await x.latch(other);
    await x.close(other);
    await memory.advance(3 * GRACE_MS);

    expect(await x.get()).toBe("6 x [x]");
  });

  test("one who holds its place through another node is restored under that session, and nothing here ends", async () => {
    const cluster = await createMemoryCluster(1);
    const [one, two] = [1, 2].map((node) => {
      return new LatchServer({ node: cluster.at(node).node, clock: cluster.clock });
    });
    await one!.connect("x").latch();
    const here = two!.connect("x");
    const watch = await here.watch();

    await here.restore(latchOf(5n, "x", "y"));
    await cluster.advance(GRACE_MS + 1_500);

    expect((await watch.events()).slice(1)).toEqual([
      "RESPONSE CHANGE 5 x [x y]",
      "RESPONSE CHANGE 5 x [x]",
    ]);
    expect(watch.end).toBeUndefined();
  });

  test("the same Restore under its number is answered again and done once", async () => {
    const { server } = served();
    const a = server.connect("a");

    await a.restore(latchOf(5n, "x"), { requestId: 1n });
    await a.latch();
    await a.restore(latchOf(5n, "x"), { requestId: 1n });
    expect(await a.get()).toBe("6 x [x a]");

    expect(await codeOf(a.restore(latchOf(5n, "y"), { requestId: 1n }))).toBe("InvalidArgument");
  });

  test.each([
    ["a revision that is too far ahead", latchOf(2n + (1n << 32n), "a")],
    ["the highest revision", latchOf((1n << 64n) - 1n, "a")],
    ["a leader who is not the first", { latch: { leader: "b", participants: ["a", "b"] } }],
    ["a leader who does not take part", { latch: { leader: "b", participants: [] } }],
    ["participants without a leader", { latch: { participants: ["a"] } }],
    ["a participant twice", latchOf(2n, "a", "b", "a")],
    ["a participant without a name", latchOf(2n, "a", "")],
    ["a participant whose name is too long", latchOf(2n, "a", "x".repeat(257))],
  ])("M: %s is INVALID_ARGUMENT and changes nothing", async (_, snapshot) => {
    const { memory, server } = served();
    const a = server.connect("a");
    await a.latch();
    const { revision } = memory.node.partition(1);

    expect(await codeOf(a.restore(snapshot))).toBe("InvalidArgument");

    expect(await a.get()).toBe("1 a [a]");
    expect(memory.node.partition(1)).toMatchObject({ revision });
    expect(server.services.sessions.size).toBe(1);
  });
});
