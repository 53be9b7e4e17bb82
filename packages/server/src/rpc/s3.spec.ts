// SPDX-License-Identifier: Apache-2.0
/** S3 over nodes in memory: what its unmodified clients see (semantics 2.4, 2.5 B, 4.4, A2). */

import { LeaderElection, LeaderElections, type Term, type WatchResponse } from "@conclave/api/s3";
import type { Client } from "@connectrpc/connect";
import { describe, expect, test } from "vitest";
import { createMemoryCluster } from "../replica/memory-cluster.ts";
import { createMemoryNode, settled } from "../replica/memory-node.ts";
import { createMemoryClient } from "./memory-client.ts";
import { MemoryConnection } from "./memory-connection.ts";
import { DialectServer, errorOf, StreamTail } from "./memory-dialects.ts";

type Verb = "enter" | "withdraw" | "anoint" | "promote" | "demote" | "evict";

/** An application with a connection of its own, which opens the election `test`. */
class Builder {
  readonly connection: MemoryConnection;
  readonly data: Client<typeof LeaderElection>;
  readonly elections: Client<typeof LeaderElections>;
  readonly id: { readonly name: string };

  constructor(
    server: DialectServer,
    connection: MemoryConnection = new MemoryConnection(),
    { name = "test", metadata = {} }: { name?: string; metadata?: Record<string, string> } = {},
  ) {
    this.connection = connection;
    this.data = server.client(LeaderElection, connection, metadata);
    this.elections = server.client(LeaderElections, connection, metadata);
    this.id = { name };
  }

  create(): Promise<unknown> {
    return this.elections.create({ id: this.id, tags: ["any", "store"] });
  }

  close(): Promise<unknown> {
    return this.elections.close({ id: this.id });
  }

  async ask(verb: Verb, candidate: string): Promise<string> {
    return show((await this.data[verb]({ id: this.id, candidate })).term);
  }

  async term(): Promise<string> {
    return show((await this.data.getTerm({ id: this.id })).term);
  }

  async watch(): Promise<StreamTail<WatchResponse>> {
    const tail = new StreamTail((signal) => this.data.watch({ id: this.id }, { signal }));
    await settled();
    return tail;
  }
}

/** `"1 a [b c]"`: the term, the leader, and those who wait. */
function show(term: Term | undefined): string {
  if (term === undefined) return "no term";
  return `${term.term} ${term.leader === "" ? "-" : term.leader} [${term.candidates.join(" ")}]`;
}

async function shown(tail: StreamTail<WatchResponse>): Promise<readonly string[]> {
  await settled();
  return tail.messages.map(({ term }) => show(term));
}

const one = (): DialectServer => new DialectServer(createMemoryNode(3));

describe("scenario B, three applications in one election", () => {
  /** Whose builder does what; answer and event are the same, except that a Close answers nothing. */
  const STEPS: readonly (readonly [number, Verb | "close", string, string])[] = [
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
    [2, "close", "", "7 e1 []"],
  ];

  async function run(
    builders: readonly Builder[],
    between: () => Promise<void> = async () => {},
  ): Promise<void> {
    const [e1, , e3] = builders as [Builder, Builder, Builder];
    for (const builder of builders) await builder.create();
    const watch = await e1.watch();
    expect(await e1.term()).toBe("0 - []");
    expect(await shown(watch)).toEqual([]);
    for (const [number, verb, candidate, expected] of STEPS) {
      await between();
      const builder = builders[number - 1]!;
      if (verb === "close") await builder.close();
      else expect(await builder.ask(verb, candidate)).toBe(expected);
    }
    expect(await shown(watch)).toEqual(STEPS.map(([, , , expected]) => expected));
    await between();
    await e1.close();
    await e3.close();
    for (const builder of builders.slice(0, 2)) await builder.create();
    expect(await e1.term()).toBe("7 - []");
    await e1.close();
  }

  test("at one node", async () => {
    const server = one();

    await run([1, 2, 3].map(() => new Builder(server)));
  });

  test("each at another node, with a leader change between any two steps", async () => {
    const cluster = await createMemoryCluster(1);
    const servers = [1, 2, 3].map(
      (node) => new DialectServer({ ...cluster.at(node), clock: cluster.clock }),
    );
    let leader = 1;

    await run(
      servers.map((server) => new Builder(server)),
      async () => {
        leader = (leader % 3) + 1;
        cluster.group(1).lead(leader);
        await cluster.advance(40);
      },
    );
  });
});

describe("watching", () => {
  test("a watch of an election that is led begins with its term", async () => {
    const builder = new Builder(one());
    await builder.ask("enter", "a");

    expect(await shown(await builder.watch())).toEqual(["1 a []"]);
  });

  test("bug 15: a watch of a vacant one that was led begins with its term, though nobody leads", async () => {
    const builder = new Builder(one());
    await builder.ask("enter", "a");
    await builder.ask("withdraw", "a");

    expect(await shown(await builder.watch())).toEqual(["1 - []"]);
  });

  test("bug 11: the end of the only candidate's connection is told as a vacancy", async () => {
    const memory = createMemoryNode();
    const server = new DialectServer(memory);
    const [leader, other] = [new Builder(server), new Builder(server)];
    await leader.ask("enter", "a");
    const watch = await other.watch();

    leader.connection.close();
    await memory.advance(10_500);

    expect(await shown(watch)).toEqual(["1 a []", "1 - []"]);
  });

  test("bug 12: a step down of the last, which changes nothing, is not told", async () => {
    const builder = new Builder(one());
    for (const candidate of ["a", "b"]) await builder.ask("enter", candidate);
    const watch = await builder.watch();

    expect(await builder.ask("demote", "b")).toBe("1 a [b]");
    expect(await builder.ask("anoint", "nobody")).toBe("1 a [b]");

    expect(await shown(watch)).toEqual(["1 a [b]"]);
  });

  test("bug 16: a watch that its client drops is forgotten", async () => {
    const memory = createMemoryNode();
    const builder = new Builder(new DialectServer(memory));
    const watch = await builder.watch();
    expect(memory.node.partition(1).watchers.isEmpty).toBe(false);

    await watch.cancel();

    expect(memory.node.partition(1).watchers.isEmpty).toBe(true);
  });
});

describe("order", () => {
  async function queued(): Promise<Builder> {
    const builder = new Builder(one());
    for (const candidate of ["a", "b", "c", "d"]) await builder.ask("enter", candidate);
    return builder;
  }

  test.each([
    [
      "bug 1: the anointed one leads, not the last, and the rest keep their order",
      "anoint",
      "b",
      "2 b [a c d]",
    ],
    ["bug 2: a step down swaps with the one behind", "demote", "b", "1 a [c b d]"],
    ["bug 3: a step up in the middle swaps with the one before", "promote", "c", "1 a [c b d]"],
    [
      "bug 5: promoted to the front, the first in line leads and the leader stays",
      "promote",
      "b",
      "2 b [a c d]",
    ],
    ["bug 10: the leader who enters again changes nothing", "enter", "a", "1 a [b c d]"],
    ["bug 14: a leader who steps down becomes second", "demote", "a", "2 b [a c d]"],
    ["bug 9: who withdraws is who is named, wherever he stands", "withdraw", "c", "1 a [b d]"],
    ["bug 9: of a name that nobody bears nobody withdraws", "withdraw", "nonsense", "1 a [b c d]"],
  ] as const)("%s", async (_, verb, candidate, expected) => {
    expect(await (await queued()).ask(verb, candidate)).toBe(expected);
  });
});

describe("a connection is a session", () => {
  test("bug 6: after a hand-over it is the new leader's connection that counts", async () => {
    const memory = createMemoryNode();
    const server = new DialectServer(memory);
    const [first, second, third] = [1, 2, 3].map(() => new Builder(server));
    await first!.ask("enter", "a");
    await second!.ask("enter", "b");
    await third!.ask("anoint", "b");

    first!.connection.close();
    await memory.advance(10_500);
    expect(await third!.term()).toBe("2 b []");
    second!.connection.close();
    await memory.advance(10_500);

    expect(await third!.term()).toBe("2 - []");
  });

  test("bug 7: one who waits is gone with its connection, and never elected", async () => {
    const memory = createMemoryNode();
    const server = new DialectServer(memory);
    const [leader, waiting] = [new Builder(server), new Builder(server)];
    await leader.ask("enter", "a");
    await waiting.ask("enter", "b");

    waiting.connection.close();
    await memory.advance(10_500);

    expect(await leader.ask("withdraw", "a")).toBe("1 - []");
  });

  test("bug 8: closed, opened and entered again, it is let go again at its end", async () => {
    const memory = createMemoryNode();
    const server = new DialectServer(memory);
    const [builder, other] = [new Builder(server), new Builder(server)];
    for (const term of ["1 a []", "2 a []"]) {
      await builder.create();
      expect(await builder.ask("enter", "a")).toBe(term);
      await builder.close();
    }

    expect(await other.term()).toBe("2 - []");
  });

  test("a data call before Create is served", async () => {
    expect(await new Builder(one()).ask("enter", "a")).toBe("1 a []");
  });

  test("a candidate that comes back on another connection keeps its place within the grace", async () => {
    const memory = createMemoryNode();
    const server = new DialectServer(memory);
    const [a, b] = [new Builder(server), new Builder(server)];
    await a.ask("enter", "a");
    await b.ask("enter", "b");
    await b.ask("enter", "c");

    b.connection.close();
    await memory.advance(5_000);
    const again = new Builder(server);
    expect(await again.ask("enter", "b")).toBe("1 a [b c]");
    await memory.advance(10_000);

    expect(await again.term()).toBe("1 a [b]");
  });

  test("over HTTP/1.1 Enter is refused and says what it needs; all else is served", async () => {
    const server = one();
    await new Builder(server).ask("enter", "a");
    const plain = new Builder(server, new MemoryConnection(false));

    await plain.create();
    expect(await errorOf(plain.ask("enter", "b"))).toMatch(/^FailedPrecondition: .*session-id/);
    expect(await plain.term()).toBe("1 a []");
    expect(await plain.ask("evict", "a")).toBe("1 - []");
    await plain.close();
  });

  test.each([true, false])(
    "a native session is taken where it is given, over HTTP/2: %s",
    async (isShared) => {
      const memory = createMemoryNode();
      const server = new DialectServer(memory);
      const native = createMemoryClient(memory.node);
      const { sessionId } = await native.sessions.openSession({});
      const metadata = { "session-id": `${sessionId}` };
      const builder = new Builder(server, new MemoryConnection(isShared), { metadata });

      expect(await builder.ask("enter", "a")).toBe("1 a []");
      builder.connection.close();
      await native.sessions.closeSession({ sessionId });

      expect(await new Builder(server).term()).toBe("1 - []");
    },
  );

  test.each([
    ["abc", "InvalidArgument: session-id"],
    ["0", "InvalidArgument: session-id"],
    ["99999999999999999999", "InvalidArgument: session-id"],
    ["4711", "PermissionDenied: session not found"],
  ])("the native session %s cannot be", async (sessionId, expected) => {
    const metadata = { "session-id": sessionId };
    const builder = new Builder(one(), new MemoryConnection(), { metadata });

    expect(await errorOf(builder.ask("enter", "a"))).toContain(expected);
  });
});

describe("opening and closing", () => {
  test("bug 48: what one part of an application closes stays open for the others on its connection", async () => {
    const server = one();
    const connection = new MemoryConnection();
    const [first, other] = [new Builder(server, connection), new Builder(server, connection)];
    for (const builder of [first, other]) await builder.create();
    await first.ask("enter", "a");
    await other.ask("enter", "b");

    await first.close();
    expect(await other.term()).toBe("1 a [b]");
    await other.close();

    expect(await other.term()).toBe("1 - []");
  });

  test("bug 48: a Close on one connection leaves every other alone", async () => {
    const server = one();
    const [a, b] = [new Builder(server), new Builder(server)];
    for (const builder of [a, b]) await builder.create();
    await a.ask("enter", "a");
    await b.ask("enter", "b");

    await a.close();
    await a.close();

    expect(await b.term()).toBe("2 b []");
  });

  test("the deprecated Create and Close of the data plane count with the others", async () => {
    const server = one();
    const builder = new Builder(server);
    await builder.create();
    expect(await builder.data.create({ id: builder.id })).toMatchObject({
      config: { cache: { enabled: false } },
    });
    await builder.ask("enter", "a");

    await builder.data.close({ id: builder.id });
    expect(await builder.term()).toBe("1 a []");
    await builder.close();

    expect(await builder.term()).toBe("1 - []");
  });

  test("Close of what nobody opened answers OK", async () => {
    const builder = new Builder(one());
    await builder.close();
    await builder.data.close({ id: builder.id });

    expect(await builder.term()).toBe("0 - []");
  });

  test("bug 49: a latch of the same name is another primitive", async () => {
    const memory = createMemoryNode();
    const server = new DialectServer(memory);
    const { elections, sessions } = createMemoryClient(memory.node);
    const { sessionId } = await sessions.openSession({});
    const election = { name: "test", kind: 2 };
    await elections.enter({ election, candidate: "l", command: { sessionId, number: 1n } });
    const builder = new Builder(server);

    await builder.create();

    expect(await builder.term()).toBe("0 - []");
    expect(await builder.ask("enter", "a")).toBe("1 a []");
  });

  test("Create tells what the configuration says of the cache, in the namespace that it says", async () => {
    const memory = createMemoryNode();
    const server = new DialectServer(memory, {
      isCacheEnabled: true,
      s3: { namespace: "apps", kind: "election" },
    });
    const builder = new Builder(server);

    const created = await builder.elections.create({ id: builder.id });
    await builder.ask("enter", "a");

    expect(created).toMatchObject({ config: { cache: { enabled: true } } });
    const { elections } = createMemoryClient(memory.node);
    const { view } = await elections.get({ election: { namespace: "apps", name: "test" } });
    expect(view).toMatchObject({ leader: { name: "a" } });
  });
});

describe("bad input", () => {
  const calls: readonly (readonly [string, (builder: Builder, id: object) => Promise<unknown>])[] =
    [
      ["Create", ({ elections }, id) => elections.create(id)],
      ["Close", ({ elections }, id) => elections.close(id)],
      ["Enter", ({ data }, id) => data.enter({ ...id, candidate: "a" })],
      ["Evict", ({ data }, id) => data.evict({ ...id, candidate: "a" })],
      ["GetTerm", ({ data }, id) => data.getTerm(id)],
      ["Watch", ({ data }, id) => data.watch(id)[Symbol.asyncIterator]().next()],
    ];

  test.each(calls)("%s without an id, or with one that cannot be, is refused", async (_, call) => {
    const builder = new Builder(one());
    for (const id of [
      {},
      { id: {} },
      { id: { name: "x".repeat(257) } },
      { id: { name: "a\nb" } },
    ]) {
      expect(await errorOf(call(builder, id))).toContain("InvalidArgument: ");
    }
  });

  test.each(["", "x".repeat(257), "a\u0000b"])(
    "the candidate %j is refused, and nothing is entered",
    async (candidate) => {
      const builder = new Builder(one());

      expect(await errorOf(builder.ask("enter", candidate))).toContain("InvalidArgument: ");
      expect(await errorOf(builder.ask("anoint", candidate))).toContain("InvalidArgument: ");

      expect(await builder.term()).toBe("0 - []");
    },
  );

  test("without a leader every call is answered UNAVAILABLE after its patience", async () => {
    const cluster = await createMemoryCluster(1);
    const builder = new Builder(new DialectServer({ ...cluster.at(2), clock: cluster.clock }));
    cluster.group(1).loseLeader();

    const asked = [builder.ask("enter", "a"), builder.ask("evict", "a"), builder.term()].map(
      errorOf,
    );
    const watch = await builder.watch();
    await cluster.advance(5_100);

    for (const error of await Promise.all(asked)) expect(error).toContain("Unavailable: ");
    expect(watch.end).toContain("Unavailable: ");
  });
});
