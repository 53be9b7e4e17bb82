// SPDX-License-Identifier: Apache-2.0
import {
  type ExchangeRequest,
  type ExchangeResponse,
  type Lane,
  RefusalReason,
} from "@conclave/api/peer";
import type { GroupMessage } from "@conclave/raft";
import { describe, expect, test } from "vitest";
import { helloOf } from "./greeting.ts";
import { CLUSTER_ID, createMeshWorld, type MeshNode, memberOf } from "./memory-mesh.ts";
import { emptyRequest } from "./outbound-stream.ts";
import type { PeerMesh } from "./peer-mesh.ts";

const vote: GroupMessage = {
  group: 1,
  message: { kind: "vote-response", raftTerm: 1, isGranted: true },
};

const hello = helloOf(
  { ...memberOf(2), clusterId: CLUSTER_ID, version: "1.0.0" },
  1,
  0,
  "messages",
);

/** What the node answers to frames that somebody has made by hand. */
async function say(
  mesh: PeerMesh,
  ...frames: readonly ExchangeRequest[]
): Promise<ExchangeResponse[]> {
  const heard: ExchangeResponse[] = [];
  for await (const response of mesh.accept(each(frames))) heard.push(response);
  return heard;
}

async function* each(frames: readonly ExchangeRequest[]): AsyncGenerator<ExchangeRequest> {
  yield* frames;
}

const refusalOf = (heard: readonly ExchangeResponse[]): RefusalReason | undefined =>
  heard.at(-1)?.refusal?.reason;

const saidBy = (node: MeshNode): readonly string[] =>
  node.said.filter((text) => /^refused|refuses us/.test(text));

describe("a stream is refused", () => {
  const { FOREIGN_CLUSTER, MALFORMED, NOT_A_MEMBER, OTHER_INCARNATION, OTHER_NODE } = RefusalReason;

  test.each<[string, RefusalReason, ExchangeRequest]>([
    [
      "of another cluster",
      FOREIGN_CLUSTER,
      emptyRequest({ ...hello, clusterId: new Uint8Array(32) }),
    ],
    [
      "of another protocol",
      RefusalReason.PROTOCOL_VERSION,
      emptyRequest({ ...hello, protocolVersion: 2 }),
    ],
    ["that is for another node", OTHER_NODE, emptyRequest({ ...hello, toNode: 3 })],
    ["that says it comes from this node", OTHER_NODE, emptyRequest({ ...hello, fromNode: 1 })],
    ["of a node that is no member", NOT_A_MEMBER, emptyRequest({ ...hello, fromNode: 9 })],
    [
      "of a directory that is no member's",
      OTHER_INCARNATION,
      emptyRequest({ ...hello, fromIncarnation: 7 }),
    ],
    ["that begins without a greeting", MALFORMED, emptyRequest()],
    ["for no known purpose", MALFORMED, emptyRequest({ ...hello, lane: 9 as Lane })],
    ["of a node without an address", MALFORMED, emptyRequest({ ...hello, fromAddress: "" })],
  ])("%s", async (_, reason, frame) => {
    const world = createMeshWorld();
    const one = world.node(memberOf(1));

    const heard = await say(one.mesh, frame, { ...emptyRequest(), ping: 1n });

    expect(heard).toHaveLength(1);
    expect(refusalOf(heard)).toBe(reason);
    expect(one.received).toEqual([]);
  });

  test("and people are told once, however often it comes", async () => {
    const world = createMeshWorld();
    const one = world.node(memberOf(1));
    const stranger = emptyRequest({ ...hello, fromNode: 9, fromAddress: "10.0.0.9:1" });

    for (let i = 0; i < 5; i++) await say(one.mesh, stranger);

    expect(saidBy(one)).toEqual([
      "refused a stream of node 9 at 10.0.0.9:1: node 9 is not a member",
    ]);
  });

  test("with bounds on what people are told, whoever calls", async () => {
    const world = createMeshWorld();
    const one = world.node(memberOf(1));

    for (let fromNode = 10; fromNode < 3_000; fromNode++) {
      await say(one.mesh, emptyRequest({ ...hello, fromNode }));
    }

    expect(one.said.length).toBeLessThanOrEqual(1_024);
  });

  test("while the node has nobody yet to take the messages, and is taken right after", async () => {
    const world = createMeshWorld();
    const members = [memberOf(1), memberOf(2)];
    const one = world.node(memberOf(1), { members, isBound: false });
    const two = world.node(memberOf(2), { members });
    await world.pass(3_000);

    const heard = await say(one.mesh, emptyRequest(hello));
    one.bind();
    await world.pass(1_100);
    two.mesh.send(one.replica, [vote]);
    await world.settle();

    expect(refusalOf(heard)).toBe(RefusalReason.NOT_READY);
    expect(two.said).toEqual([]);
    expect(one.received).toHaveLength(1);
  });
});

describe("a stream ends", () => {
  test("with a frame that no node can have meant, which is not handed on", async () => {
    const world = createMeshWorld();
    const one = world.node(memberOf(1));
    const raft = [{ $typeName: "conclave.peer.v1.RaftMessage", group: 0, raftTerm: 1n } as const];
    const message = { case: "timeoutNow", value: { $typeName: "conclave.peer.v1.TimeoutNow" } };
    const bad = { ...emptyRequest(), raft: [{ ...raft[0]!, message }] } as ExchangeRequest;

    const heard = await say(one.mesh, emptyRequest(hello), bad, { ...emptyRequest(), ping: 1n });

    expect(heard[0]?.welcome).toMatchObject({ node: 1, incarnation: 0 });
    expect(refusalOf(heard)).toBe(RefusalReason.MALFORMED);
    expect(one.received).toEqual([]);
    expect(saidBy(one)).toEqual(["refused node 2 at node-2:7400: raft.group: at least 1"]);
  });

  test("when its node is removed, and what it sends afterwards is refused", async () => {
    const world = createMeshWorld();
    const members = [memberOf(1), memberOf(2)];
    const one = world.node(memberOf(1), { members });
    const two = world.node(memberOf(2), { members });
    await world.settle();

    one.mesh.setMembers([memberOf(1)], 10);
    await world.settle();
    two.mesh.send(one.replica, [vote]);
    await world.pass(10_000);
    two.mesh.send(one.replica, [vote]);
    await world.settle();

    expect(one.received).toEqual([]);
    expect(one.mesh.peers()).toEqual([]);
    expect(two.mesh.peers()[0]?.isConnected).toBe(false);
    expect(saidBy(one)).toEqual(["refused node 2 at node-2:7400: node 2 is not a member any more"]);
    expect(saidBy(two)).toHaveLength(1);
  });

  test("when its caller is silent, though the connection lives", async () => {
    const world = createMeshWorld();
    const one = world.node(memberOf(1), { members: [memberOf(1), memberOf(2)] });
    const heard = sayAndStaySilent(one.mesh, emptyRequest(hello));

    await world.pass(6_000);

    await expect(heard).resolves.toBe(RefusalReason.SILENT);
  });

  test("when a later one of the same caller comes", async () => {
    const world = createMeshWorld();
    const one = world.node(memberOf(1), { members: [memberOf(1), memberOf(2)] });
    const first = sayAndStaySilent(one.mesh, emptyRequest(hello));
    await world.settle();

    void sayAndStaySilent(one.mesh, emptyRequest(hello));
    await world.settle();

    await expect(first).resolves.toBe(RefusalReason.REPLACED);
  });
});

describe("a node that has missed changes of the list", () => {
  const before = [1, 2, 3].map((node) => memberOf(node));
  const after = [...before, memberOf(4)];

  test("hears a caller that it does not know and whose list is newer, and answers it", async () => {
    const world = createMeshWorld();
    const three = world.node(memberOf(3), { members: before, asOf: 10 });
    const four = world.node(memberOf(4), { members: after, asOf: 20 });
    await world.settle();

    four.mesh.send(three.replica, [vote]);
    three.mesh.send(four.replica, [vote]);
    await world.settle();

    expect(three.received).toMatchObject([{ from: four.replica }]);
    expect(four.received).toMatchObject([{ from: three.replica }]);
  });

  test("and forgets it where its own list, when it has caught up, does not hold it", async () => {
    const world = createMeshWorld();
    const three = world.node(memberOf(3), { members: before, asOf: 10 });
    const four = world.node(memberOf(4), { members: after, asOf: 20 });
    await world.settle();

    three.mesh.setMembers(before, 30);
    await world.settle();
    four.mesh.send(three.replica, [vote]);
    await world.pass(5_000);

    expect(three.mesh.peers().map(({ node }) => node)).toEqual([1, 2]);
    expect(three.received).toEqual([]);
    expect(four.mesh.peers().find(({ node }) => node === 3)?.isConnected).toBe(false);
  });

  test("hears the new directory of a node whose old one it still lists", async () => {
    const world = createMeshWorld();
    const renewed = [memberOf(1), memberOf(2, 77), memberOf(3)];
    const three = world.node(memberOf(3), { members: before, asOf: 10 });
    const two = world.node(memberOf(2, 77), { members: renewed, asOf: 20 });
    await world.pass(2_000);

    two.mesh.send(three.replica, [vote]);
    three.mesh.send(two.replica, [vote]);
    await world.settle();

    expect(three.received).toMatchObject([{ from: two.replica }]);
    expect(two.received).toMatchObject([{ from: three.replica }]);
  });

  test("drops a list that is older than the one it has", async () => {
    const world = createMeshWorld();
    const one = world.node(memberOf(1), { members: after, asOf: 20 });

    one.mesh.setMembers(before, 10);

    expect(one.mesh.peers().map(({ node }) => node)).toEqual([2, 3, 4]);
  });
});

/** The reason for which a stream is ended on which nothing is said any more. */
async function sayAndStaySilent(
  mesh: PeerMesh,
  frame: ExchangeRequest,
): Promise<RefusalReason | undefined> {
  const silent = async function* (): AsyncGenerator<ExchangeRequest> {
    yield frame;
    await new Promise(() => {});
  };
  const heard: ExchangeResponse[] = [];
  for await (const response of mesh.accept(silent())) heard.push(response);
  return refusalOf(heard);
}
