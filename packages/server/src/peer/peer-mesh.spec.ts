// SPDX-License-Identifier: Apache-2.0
import type { ExchangeRequest } from "@conclave/api/peer";
import type { GroupMessage } from "@conclave/raft";
import { describe, expect, test } from "vitest";
import { createMeshWorld, type MeshNode, memberOf } from "./memory-mesh.ts";
import type { PeerDialer } from "./peer-dialer.ts";

const vote = (raftTerm: number, group = 1): GroupMessage => ({
  group,
  message: { kind: "vote-response", raftTerm, isGranted: true },
});

const heartbeat = (group: number, round: number): GroupMessage => ({
  group,
  message: { kind: "heartbeat", raftTerm: 1, leaderCommit: 5, round },
});

const append = (index: number, bytes: number): GroupMessage => ({
  group: 1,
  message: {
    kind: "append-entries",
    ...{ raftTerm: 1, prevLogIndex: index - 1, prevLogRaftTerm: 1, leaderCommit: 0 },
    entries: [{ index, raftTerm: 1, type: "proposal", bytes: new Uint8Array(bytes) }],
  },
});

const chunk = (bytes: number): GroupMessage => ({
  group: 1,
  message: {
    kind: "install-snapshot",
    ...{ raftTerm: 1, snapshotIndex: 9, snapshotRaftTerm: 1, totalBytes: bytes, offset: 0 },
    configuration: { voters: [2 ** 32], outgoing: [], learners: [] },
    bytes: new Uint8Array(bytes),
  },
});

const messagesOf = (node: MeshNode): readonly GroupMessage[] =>
  node.received.flatMap(({ messages }) => messages);

/** The dialer, which also keeps what leaves. */
function tap(frames: ExchangeRequest[]): (dialer: PeerDialer) => PeerDialer {
  return (dialer) => ({
    exchange: (address, requests, signal) =>
      dialer.exchange(address, keeping(requests, frames), signal),
  });
}

async function* keeping(
  requests: AsyncIterable<ExchangeRequest>,
  frames: ExchangeRequest[],
): AsyncGenerator<ExchangeRequest> {
  for await (const request of requests) {
    frames.push(request);
    yield request;
  }
}

describe("messages", () => {
  test("arrive in order, from the replica that sent them", async () => {
    const world = createMeshWorld();
    const [one, two] = [world.node(memberOf(1)), world.node(memberOf(2))];
    await world.settle();

    one.mesh.send(two.replica, [vote(1), vote(2)]);
    one.mesh.send(two.replica, [append(3, 10)]);
    two.mesh.send(one.replica, [vote(9)]);
    await world.settle();

    expect(messagesOf(two)).toEqual([vote(1), vote(2), append(3, 10)]);
    expect(two.received.map(({ from }) => from)).toEqual([one.replica]);
    expect(messagesOf(one)).toEqual([vote(9)]);
  });

  test("of one turn leave in one frame, and the heartbeats of all groups in one message", async () => {
    const world = createMeshWorld();
    const frames: ExchangeRequest[] = [];
    const members = [memberOf(1), memberOf(2)];
    const one = world.node(memberOf(1), { members, dialer: tap(frames) });
    const two = world.node(memberOf(2), { members });
    await world.settle();
    frames.length = 0;

    const beats = Array.from({ length: 200 }, (_, i) => heartbeat(i + 1, 4));
    one.mesh.send(two.replica, beats);
    one.mesh.send(two.replica, [vote(1), vote(2)]);
    const call = one.mesh.call(2, new Uint8Array([1]), { giveUpAtMs: 1_000 });
    await world.settle();

    expect(frames).toHaveLength(1);
    expect(frames[0]?.heartbeats?.groups).toHaveLength(200);
    expect(messagesOf(two)).toHaveLength(202);
    await expect(call).resolves.toMatchObject({ kind: "answered" });
  });

  test("larger than a frame leave in several, and one that is larger than any has one for itself", async () => {
    const world = createMeshWorld();
    const frames: ExchangeRequest[] = [];
    const one = world.node(memberOf(1), { dialer: tap(frames) });
    const two = world.node(memberOf(2));
    await world.settle();
    frames.length = 0;

    one.mesh.send(two.replica, [append(1, 600_000), append(2, 600_000), append(3, 2_000_000)]);
    one.mesh.send(two.replica, [vote(1)]);
    await world.settle();

    expect(frames.map(({ raft }) => raft.length)).toEqual([1, 1, 1, 1]);
    expect(messagesOf(two)).toHaveLength(4);
    expect(messagesOf(two)[3]).toEqual(vote(1));
  });

  test("for another directory of the node are dropped, and the host is told once", async () => {
    const world = createMeshWorld();
    const members = [memberOf(1), memberOf(2, 5)];
    const one = world.node(memberOf(1), { members });
    const two = world.node(memberOf(2, 5), { members });
    await world.settle();
    one.unreachable.length = 0;
    const before = memberOf(2).node * 2 ** 32;

    one.mesh.send(before, [vote(1)]);
    one.mesh.send(before, [vote(2)]);
    one.mesh.send(two.replica, [vote(3)]);
    await world.settle();

    expect(messagesOf(two)).toEqual([vote(3)]);
    expect(one.unreachable).toEqual([before]);
  });

  test("that were sent while the peer was dialled leave when it answers", async () => {
    const world = createMeshWorld();
    const one = world.node(memberOf(1));
    const two = world.node(memberOf(2));

    one.mesh.send(two.replica, [vote(1)]);
    await world.settle();

    expect(messagesOf(two)).toEqual([vote(1)]);
  });

  test("that were sent while the peer was dialled are not for a directory that took its place", async () => {
    const world = createMeshWorld();
    const one = world.node(memberOf(1), { members: [memberOf(1), memberOf(2)] });
    world.network.silence("node-1:7400", "node-2:7400");
    const renewed = [memberOf(1), memberOf(2, 5)];
    const two = world.node(memberOf(2, 5), { members: renewed });
    await world.pass(1_500);

    one.mesh.send(2 * 2 ** 32, [vote(1)]);
    one.mesh.setMembers(renewed, 10);
    world.network.heal();
    await world.pass(2_000);

    expect(one.mesh.peers()[0]?.isConnected).toBe(true);
    expect(two.received).toEqual([]);
  });

  test("to a peer that is away are dropped, and the host is told once until it is back", async () => {
    const world = createMeshWorld();
    const one = world.node(memberOf(1));
    await world.pass(500);

    one.mesh.send(memberOf(2).node * 2 ** 32, [vote(1)]);
    one.mesh.send(memberOf(2).node * 2 ** 32, [vote(2)]);
    const told = one.unreachable.filter((replica) => replica === 2 * 2 ** 32);
    const two = world.node(memberOf(2));
    await world.pass(1_500);
    one.mesh.send(two.replica, [vote(3)]);
    await world.settle();
    await two.die();
    await world.settle();

    expect(told).toHaveLength(1);
    expect(messagesOf(two)).toEqual([vote(3)]);
    expect(one.unreachable.filter((replica) => replica === two.replica)).toHaveLength(2);
  });
});

describe("snapshots", () => {
  test("have a stream of their own, opened for them and closed when there are no more", async () => {
    const world = createMeshWorld();
    const members = [memberOf(1), memberOf(2)];
    const one = world.node(memberOf(1), { members });
    const two = world.node(memberOf(2), { members });
    await world.settle();
    const dialledBefore = world.network.dialled;

    one.mesh.send(two.replica, [chunk(100), vote(1)]);
    await world.settle();
    const dialledFor = world.network.dialled - dialledBefore;
    await world.pass(30_000);
    one.mesh.send(two.replica, [chunk(200)]);
    await world.settle();

    expect(dialledFor).toBe(1);
    expect(world.network.dialled - dialledBefore).toBe(2);
    expect(messagesOf(two)).toHaveLength(3);
    expect(one.said).toEqual([]);
  });

  test("that a peer does not take do not hold up its heartbeats", async () => {
    const world = createMeshWorld();
    const members = [memberOf(1), memberOf(2)];
    const one = world.node(memberOf(1), { members });
    const two = world.node(memberOf(2), { members });
    await world.settle();

    // More than may wait, and all in one turn.
    one.mesh.send(
      two.replica,
      Array.from({ length: 100 }, () => chunk(1_000_000)),
    );
    one.mesh.send(two.replica, [heartbeat(1, 1)]);
    await world.settle();

    const kinds = messagesOf(two).map(({ message }) => message.kind);
    expect(kinds).toContain("heartbeat");
    expect(kinds.filter((kind) => kind === "install-snapshot").length).toBeLessThan(10);
    expect(one.unreachable).toContain(two.replica);
  });
});

describe("a peer that does not read", () => {
  test("is cut after a while, costs a bounded queue, and holds up nobody else", async () => {
    const world = createMeshWorld();
    const one = world.node(memberOf(1));
    const three = world.node(memberOf(3));
    world.network.listen("node-2:7400", {
      accept: async function* (requests) {
        await requests[Symbol.asyncIterator]().next();
        yield welcome(2);
        await new Promise(() => {});
      },
    });
    await world.pass(100);
    one.unreachable.length = 0;

    for (let i = 1; i <= 100; i++) {
      one.mesh.send(2 * 2 ** 32, [append(i, 1_000_000)]);
      one.mesh.send(three.replica, [vote(i)]);
      await world.settle();
    }
    const isConnected = one.mesh.peers().find(({ node }) => node === 2)?.isConnected;
    await world.pass(5_000);

    expect(messagesOf(three)).toHaveLength(100);
    expect(isConnected).toBe(true);
    expect(one.unreachable).toEqual([2 * 2 ** 32]);
    expect(one.said).toContain("lost the connection to node 2 at node-2:7400: it does not answer");
  });
});

describe("a path that drops everything one way", () => {
  test("is noticed by both sides within 5 s, and used again within 3 s of its return", async () => {
    const world = createMeshWorld();
    const members = [memberOf(1), memberOf(2)];
    const one = world.node(memberOf(1), { members });
    const two = world.node(memberOf(2), { members });
    await world.settle();

    world.network.silence("node-1:7400", "node-2:7400");
    await world.pass(5_000);
    const duringSilence = [one, two].map((node) => node.mesh.peers()[0]?.isConnected);
    world.network.heal();
    await world.pass(3_000);
    one.mesh.send(two.replica, [vote(1)]);
    two.mesh.send(one.replica, [vote(2)]);
    await world.settle();

    // Node 2's greeting gets through to node 1, whose answer does not.
    expect(duringSilence).toEqual([false, false]);
    expect(messagesOf(two)).toEqual([vote(1)]);
    expect(messagesOf(one)).toEqual([vote(2)]);
  });
});

describe("a peer that is away", () => {
  test("is dialled again and again, ever more rarely and never in step", async () => {
    const world = createMeshWorld();
    const dialledAt: number[] = [];
    const dialer: PeerDialer = {
      exchange: () => {
        dialledAt.push(world.clock.monotonicMs());
        const next = (): Promise<never> => Promise.reject(new Error("connection refused"));
        return { [Symbol.asyncIterator]: () => ({ next }) };
      },
    };
    world.node(memberOf(1), { members: [memberOf(1), memberOf(2)], dialer: () => dialer });

    await world.pass(60_000);

    const pauses = dialledAt.slice(1).map((at, i) => at - dialledAt[i]!);
    const late = pauses.slice(6);
    expect(dialledAt.length).toBeGreaterThan(60);
    expect(dialledAt.length).toBeLessThan(130);
    expect(Math.min(...late)).toBeGreaterThanOrEqual(500);
    expect(Math.max(...late)).toBeLessThanOrEqual(1_100);
    expect(new Set(late).size).toBeGreaterThan(5);
  });

  test("is dialled at once when it dials itself", async () => {
    const world = createMeshWorld();
    const members = [memberOf(1), memberOf(2)];
    const one = world.node(memberOf(1), { members });
    await world.pass(20_000);
    const two = world.node(memberOf(2), { members });
    await world.settle();

    one.mesh.send(two.replica, [vote(1)]);
    await world.settle();

    expect(messagesOf(two)).toEqual([vote(1)]);
    expect(one.said).toEqual(["cannot reach node 2 at node-2:7400: connection refused"]);
  });

  test("that returns at another address is found there once the list says so", async () => {
    const world = createMeshWorld();
    const one = world.node(memberOf(1), { members: [memberOf(1), memberOf(2)] });
    const moved = { ...memberOf(2), address: "elsewhere:1" };
    const two = world.node(moved, { members: [memberOf(1), moved] });
    await world.settle();

    one.mesh.setMembers([memberOf(1), moved], 5);
    await world.pass(2_000);
    one.mesh.send(two.replica, [vote(1)]);
    await world.settle();

    expect(messagesOf(two)).toEqual([vote(1)]);
    expect(one.mesh.peers()).toMatchObject([{ node: 2, address: "elsewhere:1", version: "1.0.0" }]);
  });
});

test("a closed mesh leaves no timer and no stream", async () => {
  const world = createMeshWorld();
  const nodes = [1, 2, 3].map((node) => world.node(memberOf(node)));
  await world.settle();
  const call = nodes[0]!.mesh.call(2, new Uint8Array(), { giveUpAtMs: 60_000 });

  await Promise.all(nodes.map((node) => node.die()));
  await world.settle();

  expect(world.clock.pendingTimers).toBe(0);
  await expect(call).resolves.toMatchObject({ kind: "unreachable" });
});

function welcome(node: number) {
  return {
    $typeName: "conclave.peer.v1.ExchangeResponse" as const,
    welcome: {
      $typeName: "conclave.peer.v1.Welcome" as const,
      ...{ version: "1.0.0", node, incarnation: 0 },
    },
    answers: [],
    pong: 0n,
  };
}
