// SPDX-License-Identifier: Apache-2.0
/** The native API at a node that leads nothing: clients see no difference. Node 1 leads at first. */

import type { MessageInitShape } from "@bufbuild/protobuf";
import { type AttachCommandSchema, CandidacyState, FenceStatus, LeaseStatus } from "@conclave/api";
import type { Command } from "@conclave/fsm";
import { expect, test } from "vitest";
import { createMemoryCluster, type MemoryCluster } from "../replica/memory-cluster.ts";
import { settled } from "../replica/memory-node.ts";
import {
  type AttachClient,
  createMemoryClient,
  type MemoryClient,
  refusalOf,
} from "./memory-client.ts";

type CommandInit = MessageInitShape<typeof AttachCommandSchema>;

const S = 5n;
const election = { name: "e" };
/** Of `election` among two partitions. */
const HOME = 1;
const KEY = { kind: "election", namespace: "default", name: "e" } as const;

function enter(correlation: bigint, candidate: string, number: bigint): CommandInit {
  const command = { sessionId: S, number };
  return { correlation, command: { case: "enter", value: { election, candidate, command } } };
}

function clientOf(cluster: MemoryCluster, node: number): MemoryClient {
  return createMemoryClient(cluster.at(node).node);
}

async function attach(cluster: MemoryCluster, node: number, graceMs = 0): Promise<AttachClient> {
  const stream = clientOf(cluster, node).attach();
  const disconnectGrace = { seconds: 0n, nanos: graceMs * 1_000_000 };
  await stream.send({ hello: { session: { sessionId: S, options: { disconnectGrace } } } });
  return stream;
}

async function run(cluster: MemoryCluster, command: Command): Promise<void> {
  const { node } = cluster.at(1);
  const giveUpAtMs = node.giveUpAtMs();
  node
    .partition(1)
    .submit({ commands: [command], giveUpAtMs, mayUseReserve: true, settle: () => {} });
  await settled();
}

function isOpen(cluster: MemoryCluster): boolean {
  const session = cluster.at(1).node.partition(HOME).session(S);
  return session !== undefined && session !== "ended";
}

test("a session enters, leads and renews through a node that leads nothing", async () => {
  const cluster = await createMemoryCluster(2);
  const stream = await attach(cluster, 2);

  await stream.send({ commands: [enter(1n, "a", 1n), enter(2n, "b", 2n)] });
  await stream.send({ renewals: [{ number: 1n, partitions: [HOME, 2] }] });

  expect(stream.replies.map(({ reply }) => reply.value)).toMatchObject([
    { result: { registered: true, leading: true, term: 1n } },
    { result: { leading: false } },
  ]);
  expect(stream.candidacies).toMatchObject([{ candidate: "a", state: CandidacyState.LEADING }]);
  expect(stream.leases).toMatchObject([
    { partition: HOME, status: LeaseStatus.CONFIRMED, number: 1n, officeRevision: 1n },
    { partition: 2, status: LeaseStatus.NOT_REGISTERED },
  ]);
});

test("a session that moves to another node in the midst of its life keeps its offices", async () => {
  const cluster = await createMemoryCluster(2);
  const first = await attach(cluster, 2);
  await first.send({ commands: [enter(1n, "a", 1n)] });

  const second = await attach(cluster, 3);
  await second.send({ renewals: [{ number: 1n, partitions: [HOME] }] });
  await first.cancel();
  await second.send({ commands: [enter(2n, "b", 2n)] });

  expect(second.candidacies).toMatchObject([{ candidate: "a", state: CandidacyState.LEADING }]);
  expect(second.leases).toMatchObject([{ status: LeaseStatus.CONFIRMED }]);
  expect(second.replies[0]?.reply.value).toMatchObject({ result: { registered: false } });
});

test("schedule E: a client that dies while attached to any node is gone after its grace", async () => {
  const cluster = await createMemoryCluster(2);
  const stream = await attach(cluster, 3, 500);
  await stream.send({ commands: [enter(1n, "a", 1n)] });

  await stream.cancel();
  await cluster.advance(450);
  expect(isOpen(cluster)).toBe(true);
  await cluster.advance(150);

  expect(isOpen(cluster)).toBe(false);
});

test("an operator deposes a leader who is attached elsewhere, and it is told there", async () => {
  const cluster = await createMemoryCluster(2);
  const stream = await attach(cluster, 2);
  await stream.send({ commands: [enter(1n, "a", 1n), enter(2n, "b", 2n)] });

  const { result, view } = await clientOf(cluster, 3).elections.anoint({
    election,
    candidate: "b",
  });
  await settled();

  expect(result).toMatchObject({ changed: true, term: 2n });
  expect(view).toMatchObject({ leader: { name: "b" }, queue: [{ name: "a" }] });
  expect(stream.candidacies.map(({ candidate, state }) => [candidate, state])).toEqual([
    ["a", CandidacyState.LEADING],
    ["a", CandidacyState.WAITING],
    ["b", CandidacyState.LEADING],
  ]);
});

test("sessions by unary calls open, live and end at any node", async () => {
  const cluster = await createMemoryCluster(2);

  const opened = await clientOf(cluster, 2).sessions.openSession({ sessionId: S });
  await cluster.advance(9_000);
  const kept = await clientOf(cluster, 3).sessions.keepAlive({
    sessionId: S,
    renewal: { number: 1n, partitions: [1, 2] },
  });
  await cluster.advance(9_000);
  expect(isOpen(cluster)).toBe(true);
  await clientOf(cluster, 2).sessions.closeSession({ sessionId: S });

  expect(opened.leases.map(({ status }) => status)).toEqual([
    LeaseStatus.CONFIRMED,
    LeaseStatus.CONFIRMED,
  ]);
  expect(kept.leases.map(({ status }) => status)).toEqual([
    LeaseStatus.CONFIRMED,
    LeaseStatus.CONFIRMED,
  ]);
  expect(isOpen(cluster)).toBe(false);
});

test("a read is of what was committed before it came, at any node; a stale one is of what is there", async () => {
  const cluster = await createMemoryCluster(2);
  const stream = await attach(cluster, 1);
  cluster.group(HOME).lag(2);
  await stream.send({ commands: [enter(1n, "a", 1n)] });
  const { elections } = clientOf(cluster, 2);

  const stale = await elections.get({ election, stale: true });
  const [fresh, listed, fence] = [
    elections.get({ election }),
    elections.list({}),
    elections.checkFence({ election, term: 1n }),
  ];
  await cluster.advance(100);
  cluster.group(HOME).catchUp(2);

  expect(stale.view).toMatchObject({ term: 0n, asOfRevision: 0n });
  expect((await fresh).view).toMatchObject({ term: 1n, leader: { name: "a" } });
  expect((await listed).elections).toHaveLength(1);
  expect((await fence).status).toBe(FenceStatus.CURRENT);
});

test("without a leader every node answers UNAVAILABLE after the request's patience, and nothing is applied", async () => {
  const cluster = await createMemoryCluster(2);
  cluster.group(HOME).loseLeader();

  const refused = refusalOf(
    clientOf(cluster, 2).elections.anoint({ election, candidate: "a" }, { timeoutMs: 60_000 }),
  );
  const read = refusalOf(clientOf(cluster, 3).elections.get({ election }, { timeoutMs: 60_000 }));
  await cluster.advance(5_100);

  const expected = { code: "Unavailable", reason: "NO_LEADER", outcome: "NOT_APPLIED" };
  expect(await refused).toMatchObject(expected);
  expect(await read).toMatchObject(expected);
});

test("a command whose answer is lost on its way has an unknown outcome, and may be asked again", async () => {
  const cluster = await createMemoryCluster(2);
  await clientOf(cluster, 1).sessions.openSession({ sessionId: S });
  cluster.peers.fault(2, 1, "lose-answers");
  const request = { election, candidate: "a", command: { sessionId: S, number: 1n } };

  const lost = await refusalOf(clientOf(cluster, 2).elections.enter(request));
  const again = await clientOf(cluster, 3).elections.enter(request);

  expect(lost).toMatchObject({ code: "Unavailable", outcome: "UNKNOWN" });
  expect(again.result).toMatchObject({ replayed: true, leading: true, term: 1n });
});

test("a call that its client takes back before there is a leader is never applied", async () => {
  const cluster = await createMemoryCluster(2);
  await clientOf(cluster, 1).sessions.openSession({ sessionId: S });
  cluster.group(HOME).loseLeader();
  const caller = new AbortController();
  const request = { election, candidate: "a", command: { sessionId: S, number: 1n } };
  const taken = refusalOf(clientOf(cluster, 2).elections.enter(request, { signal: caller.signal }));
  await settled();

  caller.abort();
  await taken;
  await cluster.advance(100);
  cluster.group(HOME).lead(1);
  await cluster.advance(100);

  expect(cluster.at(1).node.partition(HOME).view(KEY).leader).toBeUndefined();
});

test("a client is told who the members are and where the leaders, first and when either changes", async () => {
  const cluster = await createMemoryCluster(2);
  const members = [1, 2, 3].map((node) => ({ node, incarnation: 0, address: `n${node}:7400` }));
  const stream = await attach(cluster, 2);
  expect(stream.frames[0]?.welcome?.cluster).toMatchObject({ members: [], node: 2 });

  await run(cluster, { kind: "set-first-members", members });
  await cluster.advance(50);
  cluster.group(1).lead(2);
  cluster.group(2).lead(3);
  await cluster.advance(50);
  cluster.group(2).loseLeader();
  await cluster.advance(50);

  const told = stream.frames.flatMap(({ topology }) => (topology === undefined ? [] : [topology]));
  const leaders = told.map((topology) =>
    topology.leaders.map(({ partition, node }) => `${partition}:${node}`),
  );
  expect(leaders).toEqual([["1:1", "2:1"], ["1:2", "2:3"], ["1:2"]]);
  expect(told[0]?.members.map(({ node, url }) => [node, url])).toEqual([
    [1, "http://n1:7400"],
    [2, "http://n2:7400"],
    [3, "http://n3:7400"],
  ]);
});
