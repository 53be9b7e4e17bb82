// SPDX-License-Identifier: Apache-2.0
/** S2 over nodes in memory: what its unmodified clients see (semantics 2.2, 4.3, A2, A5). */

import { Event_Type, type EventsResponse, LeaderElection, type Term } from "@conclave/api/s2";
import type { Client } from "@connectrpc/connect";
import { describe, expect, test } from "vitest";
import { createMemoryCluster } from "../replica/memory-cluster.ts";
import { createMemoryNode, settled } from "../replica/memory-node.ts";
import { createMemoryClient } from "./memory-client.ts";
import { MemoryConnection } from "./memory-connection.ts";
import { DialectServer, errorOf, StreamTail } from "./memory-dialects.ts";

type Verb = "enter" | "withdraw" | "anoint" | "promote" | "evict";

const PRIMITIVE = { "primitive-id": "test" };

/** What one GetElection of the client makes: an election, and a session that it has for itself. */
class Election {
  readonly connection: MemoryConnection;
  readonly client: Client<typeof LeaderElection>;
  /** Of the answer before. */
  conclaveTerm: string | null = null;

  constructor(
    server: DialectServer,
    metadata: Readonly<Record<string, string>> = {},
    connection: MemoryConnection = new MemoryConnection(),
  ) {
    this.connection = connection;
    this.client = server.client(LeaderElection, connection, { ...PRIMITIVE, ...metadata });
  }

  async ask(verb: Verb, candidateId: string): Promise<string> {
    return this.#show((await this.client[verb]({ candidateId }, { onHeader: this.#heard })).term);
  }

  async term(): Promise<string> {
    return this.#show((await this.client.getTerm({}, { onHeader: this.#heard })).term);
  }

  /** Opens a stream; what its headers say goes to `conclaveTerm`. */
  async events(): Promise<StreamTail<EventsResponse>> {
    const onHeader = this.#heard;
    const tail = new StreamTail((signal) => this.client.events({}, { signal, onHeader }));
    await settled();
    return tail;
  }

  /** `"1 a [a b]"`: the term of the metadata, the leader, the list. */
  #show(term: Term | undefined): string {
    return `${this.conclaveTerm} ${show(term)}`;
  }

  readonly #heard = (headers: Headers): void => {
    this.conclaveTerm = headers.get("conclave-term");
  };
}

function show(term: Term | undefined): string {
  if (term?.timestamp?.timestamp.case !== "physicalTimestamp") return "without a time";
  return `${term.leaderId === "" ? "-" : term.leaderId} [${term.candidates.join(" ")}]`;
}

async function shown(tail: StreamTail<EventsResponse>): Promise<readonly string[]> {
  await settled();
  return tail.messages.map(({ event }) => `${Event_Type[event?.type ?? -1]} ${show(event?.term)}`);
}

/** When the leader took office, in ms; fails where the term has no physical time. */
function sinceMs(term: Term | undefined): number {
  const { case: kind, value } = term!.timestamp!.timestamp;
  expect(kind).toBe("physicalTimestamp");
  const time = kind === "physicalTimestamp" ? value.time : undefined;
  return Number(time!.seconds) * 1_000 + time!.nanos / 1e6;
}

const one = (): DialectServer => new DialectServer(createMemoryNode(3));

describe("the scenario of all dialects, three sessions in one election", () => {
  const STEPS: readonly (readonly [number, Verb | "close", string, string])[] = [
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
    [2, "close", "", "7 e1 [e1]"],
  ];

  async function run(
    elections: readonly Election[],
    between: () => Promise<void> = async () => {},
  ): Promise<void> {
    const [e1, , e3] = elections as [Election, Election, Election];
    for (const { client } of elections) await client.create({});
    const events = await e1.events();
    expect(e1.conclaveTerm).toBe("0");
    expect(await shown(events)).toEqual(["NONE - []"]);
    expect(await e1.term()).toBe("0 - []");
    for (const [number, verb, candidate, expected] of STEPS) {
      await between();
      const election = elections[number - 1]!;
      if (verb === "close") await election.client.close({});
      else expect(await election.ask(verb, candidate)).toBe(expected);
    }
    const changes = STEPS.map(([, , , expected]) => `CHANGED ${expected.slice(2)}`);
    expect((await shown(events)).slice(1)).toEqual(changes);
    await between();
    await e1.client.close({});
    await e3.client.close({});
    for (const { client } of elections) await client.create({});
    expect(await e1.term()).toBe("7 - []");
  }

  test("each on a connection of its own", async () => {
    const server = one();

    await run([1, 2, 3].map(() => new Election(server)));
  });

  test("all on one connection, under the ids that clients draw for each", async () => {
    const server = one();
    const connection = new MemoryConnection();

    await run(
      [1, 2, 3].map((n) => new Election(server, { "session-id": `uuid-${n}` }, connection)),
    );
  });

  test("each at another node, with a leader change between any two steps", async () => {
    const cluster = await createMemoryCluster(1);
    const servers = [1, 2, 3].map(
      (node) => new DialectServer({ ...cluster.at(node), clock: cluster.clock }),
    );
    let leader = 1;

    await run(
      servers.map((server) => new Election(server)),
      async () => {
        leader = (leader % 3) + 1;
        cluster.group(1).lead(leader);
        await cluster.advance(40);
      },
    );
  });
});

describe("the timestamp", () => {
  test("is 1970 before anybody led, and then when the leader took office, through vacancy too", async () => {
    const memory = createMemoryNode();
    const { client } = new Election(new DialectServer(memory));
    expect(sinceMs((await client.getTerm({})).term)).toBe(0);
    await memory.advance(1_000);

    const electedMs = memory.clock.wallMs();
    expect(sinceMs((await client.enter({ candidateId: "a" })).term)).toBe(electedMs);
    await memory.advance(1_000);
    expect(sinceMs((await client.enter({ candidateId: "b" })).term)).toBe(electedMs);
    await memory.advance(1_000);
    const anointed = await client.anoint({ candidateId: "b" });
    expect(sinceMs(anointed.term)).toBe(electedMs + 2_000);
    await memory.advance(1_000);
    await client.evict({ candidateId: "a" });

    expect(sinceMs((await client.evict({ candidateId: "b" })).term)).toBe(electedMs + 2_000);
  });

  test("is in every event, the first of an election that was never led too", async () => {
    const election = new Election(one());
    const events = await election.events();
    await election.ask("enter", "a");
    await settled();

    const times = events.messages.map(({ event }) => sinceMs(event?.term));
    expect(times).toEqual([0, expect.any(Number)]);
  });
});

describe("events", () => {
  test("begin with a message of type NONE that has the current term, and its number in the headers", async () => {
    const server = one();
    await new Election(server).ask("enter", "a");
    const watcher = new Election(server);

    const events = await watcher.events();

    expect(watcher.conclaveTerm).toBe("1");
    expect(await shown(events)).toEqual(["NONE a [a]"]);
  });

  test("tell the end of the last candidate's connection as a vacancy, and no change of nothing", async () => {
    const memory = createMemoryNode();
    const server = new DialectServer(memory);
    const [leader, watcher] = [new Election(server), new Election(server)];
    await leader.ask("enter", "a");
    const events = await watcher.events();
    await leader.ask("enter", "a");
    await leader.ask("promote", "a");
    await leader.ask("anoint", "nobody");

    leader.connection.close();
    await memory.advance(10_500);

    expect(await shown(events)).toEqual(["NONE a [a]", "CHANGED - []"]);
  });
});

describe("a stream of events", () => {
  test("bug 45: ends in order when its session closes the election, and no other with it", async () => {
    const server = one();
    const connection = new MemoryConnection();
    const [a, b] = ["a", "b"].map((id) => new Election(server, { "session-id": id }, connection));
    await a!.ask("enter", "a");
    await b!.ask("enter", "b");
    const [events, others] = [await a!.events(), await b!.events()];

    await a!.client.close({});

    expect(await shown(events)).toEqual(["NONE a [a b]", "CHANGED b [b]"]);
    expect([events.end, others.end]).toEqual(["closed", undefined]);
  });

  test("ends with UNAVAILABLE at a node that cannot renew its session", async () => {
    const cluster = await createMemoryCluster(1);
    const election = new Election(new DialectServer({ ...cluster.at(2), clock: cluster.clock }));
    await election.ask("enter", "a");
    const events = await election.events();

    cluster.peers.fault(2, 1, "hold");
    await cluster.advance(9_980);

    expect(events.end).toContain("Unavailable: ");
  });
});

describe("who calls", () => {
  test("elections of one name in two applications are two; without one it is the configured", async () => {
    const memory = createMemoryNode();
    const server = new DialectServer(memory, { s2: { namespace: "house", kind: "election" } });
    await new Election(server, { "application-id": "shop" }).ask("enter", "a");
    await new Election(server).ask("enter", "b");

    const { elections } = createMemoryClient(memory.node);
    const leaderIn = async (namespace: string): Promise<string | undefined> =>
      (await elections.get({ election: { namespace, name: "test" } })).view?.leader?.name;
    expect([await leaderIn("shop"), await leaderIn("house")]).toEqual(["a", "b"]);
  });

  test("one session-id on two connections is one session, which ends a grace after both", async () => {
    const memory = createMemoryNode();
    const server = new DialectServer(memory);
    const metadata = { "session-id": "s" };
    const [first, second] = [new Election(server, metadata), new Election(server, metadata)];
    await first.ask("enter", "a");
    await second.ask("enter", "b");

    first.connection.close();
    await memory.advance(30_000);
    expect(await new Election(server).term()).toBe("1 a [a b]");
    second.connection.close();
    await memory.advance(10_500);

    expect(await new Election(server).term()).toBe("1 - []");
  });

  test("a session-id that comes back within its grace leads on, in the term it had", async () => {
    const memory = createMemoryNode();
    const server = new DialectServer(memory);
    const metadata = { "session-id": "s" };
    const before = new Election(server, metadata);
    await before.ask("enter", "a");

    before.connection.close();
    await memory.advance(9_000);
    const after = new Election(server, metadata);
    expect(await after.ask("enter", "a")).toBe("1 a [a]");
    await memory.advance(30_000);

    expect(await after.term()).toBe("1 a [a]");
  });

  test("over HTTP/1.1 session-id is a native session; without one Enter says so, all else is served", async () => {
    const memory = createMemoryNode();
    const server = new DialectServer(memory);
    const plain = (metadata: Readonly<Record<string, string>>): Election =>
      new Election(server, metadata, new MemoryConnection(false));
    const { sessions } = createMemoryClient(memory.node);
    const { sessionId } = await sessions.openSession({});

    const native = plain({ "session-id": `${sessionId}` });
    await native.client.create({});
    expect(await native.ask("enter", "a")).toBe("1 a [a]");
    const nobody = plain({});
    await nobody.client.create({});
    expect(await errorOf(nobody.ask("enter", "b"))).toMatch(/^FailedPrecondition: .*session-id/);
    expect(await nobody.term()).toBe("1 a [a]");
    expect(await nobody.ask("withdraw", "a")).toBe("1 - []");
    await nobody.client.close({});

    expect(await errorOf(plain({ "session-id": "uuid" }).ask("enter", "b"))).toContain(
      "InvalidArgument: session-id",
    );
  });

  test("a data call before Create is served, and Create answers OK again and again", async () => {
    const election = new Election(one());
    expect(await election.ask("enter", "a")).toBe("1 a [a]");
    for (let i = 0; i < 3; i++) await election.client.create({ config: {} });

    expect(await election.term()).toBe("1 a [a]");
  });
});

describe("Close", () => {
  test("bug 50: of what is not open answers OK, by whomever it is asked", async () => {
    const server = one();
    const unknown = new Election(server);
    await unknown.client.close({});
    await unknown.client.create({});
    await unknown.client.close({});
    await unknown.client.close({});

    const native = new Election(server, { "session-id": "4711" }, new MemoryConnection(false));
    await native.client.close({});

    expect(await unknown.term()).toBe("0 - []");
  });

  test("takes the candidates of its own session only", async () => {
    const server = one();
    const connection = new MemoryConnection();
    const [a, b] = ["a", "b"].map((id) => new Election(server, { "session-id": id }, connection));
    await a!.ask("enter", "a1");
    await b!.ask("enter", "b1");
    await a!.ask("enter", "a2");

    await a!.client.close({});

    expect(await b!.term()).toBe("2 b1 [b1]");
  });
});

describe("bad input", () => {
  const calls: readonly (readonly [
    string,
    (client: Client<typeof LeaderElection>) => Promise<unknown>,
  ])[] = [
    ["Create", (client) => client.create({})],
    ["Close", (client) => client.close({})],
    ["Enter", (client) => client.enter({ candidateId: "a" })],
    ["Withdraw", (client) => client.withdraw({ candidateId: "a" })],
    ["Anoint", (client) => client.anoint({ candidateId: "a" })],
    ["Promote", (client) => client.promote({ candidateId: "a" })],
    ["Evict", (client) => client.evict({ candidateId: "a" })],
    ["GetTerm", (client) => client.getTerm({})],
    ["Events", (client) => client.events({})[Symbol.asyncIterator]().next()],
  ];

  test.each(calls)(
    "%s without a primitive, or with names that cannot be, is refused",
    async (_, call) => {
      const server = one();
      const missing = "InvalidArgument: missing Primitive-ID header in metadata";
      expect(await errorOf(call(server.client(LeaderElection)))).toBe(missing);
      const long = "x".repeat(257);
      for (const metadata of [{ "primitive-id": long }, { "application-id": long }]) {
        expect(await errorOf(call(new Election(server, metadata).client))).toContain(
          "InvalidArgument: namespace and name",
        );
      }
    },
  );

  test("a candidate without a name is refused, and nothing is entered", async () => {
    const election = new Election(one());

    expect(await errorOf(election.ask("enter", ""))).toContain("InvalidArgument: ");
    expect(await errorOf(election.ask("evict", ""))).toContain("InvalidArgument: ");

    expect(await election.term()).toBe("0 - []");
  });

  test("without a leader every call is answered UNAVAILABLE after its patience", async () => {
    const cluster = await createMemoryCluster(1);
    const election = new Election(new DialectServer({ ...cluster.at(2), clock: cluster.clock }));
    cluster.group(1).loseLeader();

    const { client } = election;
    const asked = [client.create({}), election.ask("enter", "a"), election.term()].map(errorOf);
    const events = await election.events();
    await cluster.advance(5_100);

    for (const error of await Promise.all(asked)) expect(error).toContain("Unavailable: ");
    expect(events.end).toContain("Unavailable: ");
  });
});
