// SPDX-License-Identifier: Apache-2.0
/**
 * What any node tells of what another one knows: its view of the cluster, and the sessions of the
 * partitions that it leads. Three nodes, of which node 1 leads at first.
 */

import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { durationMs } from "@bufbuild/protobuf/wkt";
import { ClusterService } from "@conclave/api/cluster";
import { ClusterQuestionSchema } from "@conclave/api/forward";
import type { Command } from "@conclave/fsm";
import { type Client, createClient, createRouterTransport } from "@connectrpc/connect";
import { expect, test } from "vitest";
import { encodeOperation, encodeOutcome } from "../replica/cluster-operation.ts";
import { ClusterOperations } from "../replica/cluster-operations.ts";
import type { MembershipLog } from "../replica/membership-log.ts";
import { createMemoryCluster, type MemoryCluster } from "../replica/memory-cluster.ts";
import { settled } from "../replica/memory-node.ts";
import { MemoryPeers } from "../replica/memory-peers.ts";
import { instanceOf } from "../wire/instance.ts";
import { registerClusterService } from "./cluster-service.ts";
import type { StatusSource } from "./cluster-status.ts";
import { createMemoryClient, refusalOf } from "./memory-client.ts";

const PARTITIONS = 2;
const NODES = [1, 2, 3];

interface World extends MemoryCluster {
  /** The ways between nodes by which they ask each other. */
  readonly ways: MemoryPeers;
  /** Nodes to which the others have no connection, as they know. */
  readonly gone: Set<number>;
  admin(node: number): Client<typeof ClusterService>;
  open(sessionId: bigint, more?: object): Promise<void>;
  /** Registers sessions 1 to `count` at partition 1, all at once. */
  openMany(count: number): Promise<void>;
}

async function createWorld(): Promise<World> {
  const cluster = await createMemoryCluster(PARTITIONS);
  const ways = new MemoryPeers(cluster.clock);
  const gone = new Set<number>();
  const neighbours = () =>
    NODES.map((node) => ({ node, isConnected: !gone.has(node), version: "" }));
  const admins = NODES.map((number) => adminOf(cluster, ways, number, neighbours));
  const members = NODES.map((node) => ({ node, incarnation: 0, address: `n${node}:7400` }));
  const run = async (commands: readonly Command[]): Promise<void> => {
    const { node } = cluster.at(1);
    const giveUpAtMs = node.giveUpAtMs();
    node.partition(1).submit({ commands, giveUpAtMs, mayUseReserve: true, settle: () => {} });
    await settled();
  };
  await run([{ kind: "set-first-members", members }]);
  const { sessions } = createMemoryClient(cluster.at(1).node);
  return {
    ...cluster,
    ways,
    gone,
    admin: (node) => admins[node - 1]!,
    open: async (sessionId, more = {}) => void (await sessions.openSession({ sessionId, ...more })),
    openMany: (count) => {
      const terms = { ttlMs: 60_000, graceMs: 0, labels: new Map<string, string>() };
      return run(
        Array.from({ length: count }, (_, i) => ({
          ...{ kind: "open-session" as const, sessionId: BigInt(i + 1) },
          ...terms,
        })),
      );
    },
  };
}

function adminOf(
  cluster: MemoryCluster,
  ways: MemoryPeers,
  number: number,
  neighbours: StatusSource["neighbours"],
) {
  const { node } = cluster.at(number);
  const { clock } = cluster;
  const changes = { perform: () => Promise.resolve({ kind: "unknown" } as const) };
  const operations = new ClusterOperations({ node, changes, calls: ways.of(number), clock });
  const logs = node.partitions.map((partition) => logOf(partition));
  const transport = createRouterTransport((router) =>
    registerClusterService(router, { node, logs, clock, operations, neighbours }),
  );
  return createClient(ClusterService, transport);
}

function logOf(partition: { readonly role: MembershipLog["role"] }): MembershipLog {
  return {
    get role() {
      return partition.role;
    },
    status: () => ({
      ...{ raftTerm: 1, commitIndex: 1, appliedIndex: 1, lastIndex: 1, peers: [] },
      configuration: { voters: [], outgoing: [], learners: [] },
    }),
    hold: () => () => {},
    changeConfiguration: () => Promise.reject(new Error("not asked for here")),
    transfer: () => {},
  };
}

/** Waits for a call while time goes on. */
async function during<T>(cluster: MemoryCluster, call: Promise<T>): Promise<T> {
  let isDone = false;
  const done = call.finally(() => {
    isDone = true;
  });
  done.catch(() => {});
  await settled();
  for (let i = 0; i < 400 && !isDone; i++) await cluster.advance(20);
  return await done;
}

test("any node tells what any other one knows", async () => {
  const { admin } = await createWorld();
  expect(await admin(2).status({})).toMatchObject({ node: 2 });
  expect(await admin(2).status({ node: 3 })).toMatchObject({
    node: 3,
    members: [{ isSelf: false }, { isSelf: false }, { isSelf: true }],
  });
  expect(await admin(3).status({ node: 3 })).toMatchObject({ node: 3 });
});

test("the hash that another node is asked for is of its own state", async () => {
  const world = await createWorld();
  world.group(1).lag(3);
  await world.open(7n);

  const [own, behind] = [
    await world.admin(1).status({ includeHash: true }),
    await world.admin(1).status({ includeHash: true, node: 3 }),
  ];

  expect(own.partitions[0]?.stateHash).not.toBe(0n);
  expect(behind.partitions[0]?.stateHash).not.toBe(own.partitions[0]?.stateHash);
});

const UNREACHABLE = { code: "Unavailable", reason: "NO_LEADER", outcome: "NOT_APPLIED" };

test("a node that cannot be reached is said to be so at once, one that is silent after two seconds", async () => {
  const world = await createWorld();
  world.ways.fault(2, 3, "cut");
  world.ways.fault(2, 1, "hold");

  expect(await refusalOf(world.admin(2).status({ node: 3 }))).toMatchObject(UNREACHABLE);
  const silent = refusalOf(world.admin(2).status({ node: 1 }));
  let isDone = false;
  void silent.then(() => (isDone = true));
  await world.advance(1_980);
  expect(isDone).toBe(false);
  await world.advance(40);

  expect(await silent).toMatchObject(UNREACHABLE);
});

test("a node to which there is no connection is not asked, and one that is no member is not known", async () => {
  const world = await createWorld();
  world.gone.add(3).add(9);
  world.ways.fault(2, 3, "hold");
  expect(await refusalOf(world.admin(2).status({ node: 3 }))).toMatchObject(UNREACHABLE);
  expect(world.ways.calls).toEqual([]);
  const unknown = await refusalOf(world.admin(2).status({ node: 9 }));
  expect(unknown).toMatchObject({ reason: "NO_SUCH_MEMBER" });
});

test("where the leader has died, the next one is asked for the sessions as soon as there is one", async () => {
  const world = await createWorld();
  await world.open(5n);
  world.ways.fault(2, 1, "hold");

  const asked = world.admin(2).listSessions({ partition: 1 });
  await world.advance(400);
  world.group(1).lead(3);
  await world.advance(700);

  expect((await asked).sessions).toHaveLength(1);
  expect(world.ways.calls).toEqual(["2>1", "2>3"]);
});

test("a node of a version that does not know the question is out of reach for it", async () => {
  const world = await createWorld();
  // What a node of the first versions says to an operation that it does not know.
  const older = () => Promise.resolve(encodeOutcome({ kind: "unknown" }));
  world.ways.of(3).serve(older);
  world.ways.of(1).serve(older);
  expect(await refusalOf(world.admin(2).status({ node: 3 }))).toMatchObject(UNREACHABLE);
  expect(await refusalOf(world.admin(2).listSessions({ partition: 1 }))).toMatchObject(UNREACHABLE);
});

test.each<[string, MessageInitShape<typeof ClusterQuestionSchema>]>([
  ["of no kind that is known", {}],
  ["of a partition that is none", { question: { case: "listSessions", value: {} } }],
])("a question %s is not answered, and nothing throws", async (_, question) => {
  const world = await createWorld();
  const bytes = toBinary(ClusterQuestionSchema, create(ClusterQuestionSchema, question));
  const request = encodeOperation({ kind: "question", question: bytes });
  const rubbish = encodeOperation({ kind: "question", question: Uint8Array.of(255) });
  for (const asked of [request, rubbish]) {
    const options = { giveUpAtMs: world.clock.monotonicMs() + 1_000 };
    expect(await world.ways.of(2).call(1, asked, options)).toEqual({
      kind: "answered",
      answer: encodeOutcome({ kind: "unknown" }),
    });
  }
});

test("the sessions of a partition are told by its leader through any node, by instance and without their ids", async () => {
  const world = await createWorld();
  const options = {
    ttl: { seconds: 8n },
    disconnectGrace: { seconds: 2n },
    labels: { host: "h1", __proto__x: "" },
  };
  for (const id of [5n, 6n, 7n]) await world.open(id, { options });
  await world.open(8n, { partitions: [2] });
  await world.advance(3_000);
  const { sessions: client } = createMemoryClient(world.at(3).node);
  await client.keepAlive({ sessionId: 6n, renewal: { number: 1n, partitions: [1] } });
  await world.advance(1_000);

  const answers = [];
  for (const node of NODES) answers.push(await world.admin(node).listSessions({ partition: 1 }));

  const [first] = answers;
  for (const answer of answers) expect(answer).toEqual(first);
  const told = first?.sessions.map(({ instance, remaining }) => [instance, durationMs(remaining!)]);
  const expected = [5n, 6n, 7n].map((id) => [instanceOf(id), id === 6n ? 7_000 : 4_000]);
  expect(told).toEqual(expected.toSorted());
  expect(first?.sessions[0]).toMatchObject({
    ttl: options.ttl,
    disconnectGrace: options.disconnectGrace,
    labels: options.labels,
  });
  expect(first?.nextPageToken).toBe("");
});

test("pages follow each other by instance, whatever begins and ends in between", async () => {
  const world = await createWorld();
  for (let id = 1n; id <= 25n; id++) await world.open(id);
  const ids = new Map(Array.from({ length: 30 }, (_, i) => [instanceOf(BigInt(i)), BigInt(i)]));
  const { sessions } = createMemoryClient(world.at(1).node);
  const seen: string[] = [];

  for (let pageToken = "", page = 0; page === 0 || pageToken !== ""; page++) {
    const admin = world.admin((page % 3) + 1);
    const answer = await admin.listSessions({ partition: 1, pageSize: 4, pageToken });
    seen.push(...answer.sessions.map(({ instance }) => instance));
    pageToken = answer.nextPageToken;
    // What a page ended with may be gone when the next one is asked for.
    const last = ids.get(seen.at(-1) ?? "");
    if (page === 2) await sessions.closeSession({ sessionId: last! });
  }

  expect(seen).toEqual(seen.toSorted());
  expect(new Set(seen).size).toBe(25);
});

test("one session is found by its instance; one that is none is not", async () => {
  const world = await createWorld();
  await world.open(5n);
  await world.open(6n);
  const [instance, other] = [instanceOf(6n), instanceOf(9n)];
  const found = await world.admin(2).listSessions({ partition: 1, instance });
  expect(found.sessions.map((session) => session.instance)).toEqual([instance]);
  const missing = await world.admin(2).listSessions({ partition: 1, instance: other });
  expect(missing).toMatchObject({ sessions: [], nextPageToken: "" });
});

test("a page ends before its labels take more than 256 KiB", async () => {
  const world = await createWorld();
  const labels = Object.fromEntries(
    Array.from({ length: 16 }, (_, i) => [`${i}`, "ä".repeat(128)]),
  );
  for (let id = 1n; id <= 80n; id++) await world.open(id, { options: { labels } });

  const { sessions, nextPageToken } = await world.admin(1).listSessions({ partition: 1 });

  expect(sessions.length).toBeGreaterThan(50);
  expect(sessions.length).toBeLessThan(63);
  expect(nextPageToken).not.toBe("");
});

test("while nobody leads the partition its sessions are waited for, and in the end refused", async () => {
  const world = await createWorld();
  await world.open(5n);
  world.group(1).loseLeader();

  const inTime = world.admin(2).listSessions({ partition: 1 });
  await world.advance(1_000);
  world.group(1).lead(3);
  const { sessions } = await during(world, inTime);
  // The new leader gives everybody a full TTL.
  expect(durationMs(sessions[0]!.remaining!)).toBeGreaterThan(9_900);

  world.group(1).loseLeader();
  const refused = refusalOf(world.admin(2).listSessions({ partition: 1 }));
  expect(await during(world, refused)).toMatchObject(UNREACHABLE);
});

test("many sessions are listed in turns, once for all who ask in a while; those that ended are left out", async () => {
  const world = await createWorld();
  const count = 2_500;
  await world.openMany(count);
  const page = (pageToken: string) =>
    world.admin(1).listSessions({ partition: 1, pageSize: 1_000, pageToken });
  let isDone = false;
  const first = page("").finally(() => (isDone = true));
  await settled();
  expect(isDone).toBe(false);
  const { nextPageToken } = await during(world, first);

  const { sessions: client } = createMemoryClient(world.at(1).node);
  await client.closeSession({ sessionId: 17n });
  await world.open(9_999n, { partitions: [1] });
  const instances = (await first).sessions.map(({ instance }) => instance);
  for (let token = nextPageToken; token !== ""; ) {
    const next = await page(token);
    instances.push(...next.sessions.map(({ instance }) => instance));
    token = next.nextPageToken;
  }
  const isEarly = (id: bigint): boolean => (instances[999] ?? "") >= instanceOf(id);
  expect(instances).toHaveLength(isEarly(17n) ? count : count - 1);
  expect(instances).not.toContain(instanceOf(9_999n));
  await world.advance(270);

  const fresh = { partition: 1, instance: instanceOf(9_999n) };
  const found = await during(world, world.admin(1).listSessions(fresh));
  expect(found.sessions).toHaveLength(1);
});

test("a list that was made for many leaves no timer behind, whenever the node begins to stop", async () => {
  const world = await createWorld();
  await world.openMany(1_200);
  await during(world, world.admin(1).listSessions({ partition: 1 }));
  const before = world.clock.pendingTimers;
  world.at(1).node.beginShutdown();
  expect(world.clock.pendingTimers).toBe(before - 1);

  const other = await createWorld();
  await other.openMany(1_200);
  const quiet = other.clock.pendingTimers;
  const underWay = other.admin(1).listSessions({ partition: 1 });
  await settled();
  other.at(1).node.beginShutdown();
  await during(other, underWay);
  expect(other.clock.pendingTimers).toBe(quiet);
});

const INVALID = { code: "InvalidArgument", reason: "INVALID_FIELD", outcome: "NOT_APPLIED" };

test.each<[string, (admin: Client<typeof ClusterService>) => Promise<unknown>, object]>([
  [
    "the status of a node that is no member",
    (admin) => admin.status({ node: 9 }),
    { code: "NotFound", reason: "NO_SUCH_MEMBER", outcome: "NOT_APPLIED" },
  ],
  ["a node's number that is none", (admin) => admin.status({ node: 65_536 }), { field: "node" }],
  ["no partition", (admin) => admin.listSessions({}), { field: "partition" }],
  [
    "a partition that is none",
    (admin) => admin.listSessions({ partition: 3 }),
    { field: "partition" },
  ],
  [
    "an instance that is none",
    (admin) => admin.listSessions({ partition: 1, instance: "5" }),
    { field: "instance" },
  ],
  [
    "too large a page of sessions",
    (admin) => admin.listSessions({ partition: 1, pageSize: 1_001 }),
    { field: "page_size" },
  ],
  [
    "a page of sessions after what is no token",
    (admin) => admin.listSessions({ partition: 1, pageToken: "a5" }),
    { field: "page_token" },
  ],
  [
    "too large a page of namespaces",
    (admin) => admin.listNamespaces({ pageSize: 1_001 }),
    { field: "page_size" },
  ],
  [
    "a page of namespaces after what is no token",
    (admin) => admin.listNamespaces({ pageToken: "a" }),
    { field: "page_token" },
  ],
])("%s is refused at once", async (_, call, expected) => {
  const { admin } = await createWorld();
  expect(await refusalOf(call(admin(2)))).toMatchObject({ ...INVALID, ...expected });
});

test("namespaces come by name with the elections of all partitions, vacant ones too and latches not", async () => {
  const world = await createWorld();
  const { elections } = createMemoryClient(world.at(1).node);
  let number = 0n;
  await world.open(5n);
  const enter = (name: string, namespace: string, kind = 0) => {
    const command = { sessionId: 5n, number: ++number };
    return elections.enter({ election: { name, namespace, kind }, candidate: "c", command });
  };
  for (const name of ["a", "b", "c", "d"]) await enter(name, "many");
  await enter("a", "");
  await enter("a", "man");
  await enter("a", "only-latches", 2);
  await elections.withdraw({
    election: { name: "d", namespace: "many" },
    candidate: "c",
    command: { sessionId: 5n, number: ++number },
  });

  const { namespaces } = await world.admin(3).listNamespaces({});
  expect(namespaces.map(({ namespace, elections: count }) => [namespace, count])).toEqual([
    ["default", 1n],
    ["man", 1n],
    ["many", 4n],
  ]);

  const seen: string[] = [];
  for (let pageToken = "", page = 0; page === 0 || pageToken !== ""; page++) {
    const answer = await world.admin(2).listNamespaces({ pageSize: 2, pageToken });
    seen.push(...answer.namespaces.map(({ namespace }) => namespace));
    pageToken = answer.nextPageToken;
  }
  expect(seen).toEqual(["default", "man", "many"]);
});
