// SPDX-License-Identifier: Apache-2.0
/** The operators' service over a transport in memory: what it shows, changes, refuses and saves. */
import { ErrorInfoSchema, Outcome, Reason } from "@conclave/api";
import { ClusterService, PeerState } from "@conclave/api/cluster";
import { stateHash } from "@conclave/fsm";
import { replicaIdOf } from "@conclave/raft";
import {
  type Client,
  Code,
  ConnectError,
  createClient,
  createRouterTransport,
} from "@connectrpc/connect";
import { expect, test } from "vitest";
import { checkBackup } from "../replica/backup.ts";
import { createClusterControl } from "../replica/cluster-control.ts";
import type { LogPeer, MembershipLog } from "../replica/membership-log.ts";
import { settled } from "../replica/memory-node.ts";
import { registerClusterService } from "./cluster-service.ts";
import { letJoin } from "./join.ts";
import { createWorld } from "./memory-elections.ts";

const member = (node: number) => ({ node, incarnation: 0, address: `10.0.0.${node}:7400` });

/** Node 1 of three, which leads two partitions and whose logs say what they are told to. */
async function clusterOf() {
  const world = await createWorld();
  const { node, clock, loop } = world;
  const peer = (number: number, other: Partial<LogPeer> = {}): LogPeer => ({
    replica: replicaIdOf(number, 0),
    matchIndex: 7,
    isActive: true,
    isLearner: false,
    state: "replicate",
    ...other,
  });
  const scripted = {
    configuration: {
      voters: [1, 2, 3].map((number) => replicaIdOf(number, 0)),
      outgoing: [] as number[],
      learners: [] as number[],
    },
    peers: [peer(2), peer(3, { isActive: false, matchIndex: 4, state: "probe" as const })],
    transfers: [] as number[],
  };
  const logs: MembershipLog[] = [1, 2].map((partition) => ({
    get role() {
      return world.log(partition).role;
    },
    status: () => {
      const { raftTerm } = world.log(partition).role;
      const indices = { commitIndex: 9, appliedIndex: 9, lastIndex: 10 };
      return { raftTerm, ...indices, ...scripted };
    },
    hold: () => () => {},
    changeConfiguration: () => Promise.resolve({ kind: "begun", index: 11 }),
    transfer(toNode) {
      scripted.transfers.push(toNode);
      if (partition === 1) world.log(partition).follow(toNode);
    },
  }));
  const control = createClusterControl({
    ...{ node, logs, clock, loop, incarnation: 0 },
    firstMembers: [1, 2, 3].map(member),
    calls: { serve: () => {}, call: () => Promise.resolve({ kind: "unreachable", isSent: false }) },
  });
  const transport = createRouterTransport((router) =>
    registerClusterService(router, {
      ...{ node, logs, clock },
      operations: control.operations,
      neighbours: () => [
        { node: 2, isConnected: true, version: "0.9" },
        { node: 3, isConnected: false, version: "0.8" },
      ],
    }),
  );
  await world.advance(500);
  return {
    ...world,
    ...scripted,
    scripted,
    control,
    cluster: createClient(ClusterService, transport),
  };
}

test("the status shows members and partitions as the answering node knows them", async () => {
  const { cluster, node } = await clusterOf();

  const status = await cluster.status({});

  expect(status.clusterId).toEqual(node.cluster.clusterId);
  expect(status).toMatchObject({ node: 1, version: "0" });
  expect(status.members).toMatchObject([
    { ...member(1), isSelf: true, isConnected: true, version: "0" },
    { ...member(2), isSelf: false, isConnected: true, version: "0.9" },
    { ...member(3), isSelf: false, isConnected: false, version: "" },
  ]);
  expect(status.partitions).toHaveLength(2);
  expect(status.partitions[0]).toMatchObject({
    ...{ partition: 1, leader: 1, raftTerm: 1n, commitIndex: 9n, appliedIndex: 9n, lastIndex: 10n },
    ...{ voters: [1, 2, 3], outgoing: [], learners: [], hasOldConfiguration: false, stateHash: 0n },
    peers: [
      { node: 2, isActive: true, lag: 3n, state: PeerState.REPLICATE },
      { node: 3, isActive: false, lag: 6n, state: PeerState.PROBE },
    ],
  });
});

test("the hash of the state comes only to who asks, and is that of the partition's state", async () => {
  const { cluster, node, enter } = await clusterOf();
  await enter("a", 1n);

  const { partitions } = await cluster.status({ includeHash: true });

  const hashes = node.partitions.map(({ state }) => stateHash(state));
  expect(partitions.map((partition) => partition.stateHash)).toEqual(hashes);
  expect(new Set(hashes).size).toBe(2);
});

test("without a leader the status is still answered", async () => {
  const { cluster, log } = await clusterOf();
  log(1).follow(undefined);
  const { partitions } = await cluster.status({});
  expect(partitions.map(({ leader }) => leader)).toEqual([0, 1]);
});

test("a node that was added is shown without an incarnation until it reports in", async () => {
  const { cluster, node, control } = await clusterOf();

  expect(await cluster.addMember({ node: 4, address: "10.0.0.4:7400" })).toMatchObject({
    already: false,
  });
  expect(await cluster.addMember({ node: 4, address: "10.0.0.4:7400" })).toMatchObject({
    already: true,
  });
  const before = await cluster.status({});
  expect(before.members[3]).toMatchObject({ node: 4, isConnected: false });
  expect(before.members[3]?.incarnation).toBeUndefined();
  expect(before.partitions[0]?.hasOldConfiguration).toBe(false);

  const request = { node: 4, incarnation: 99, address: "10.0.0.4:7400", protocolVersion: 1 };
  const joining = { node, operations: control.operations, membersAsOf: () => 12 };
  const joined = await letJoin(joining, { ...request, clusterId: "" });

  expect(joined).toMatchObject({ kind: "accepted", membersAsOf: 12 });
  const after = await cluster.status({});
  expect(after.members[3]).toMatchObject({ node: 4, incarnation: 99 });
  expect(after.partitions.map(({ hasOldConfiguration }) => hasOldConfiguration)).toEqual([
    true,
    true,
  ]);
});

test("a node whose number is in use is told so", async () => {
  const { node, control } = await clusterOf();
  const request = { node: 2, incarnation: 99, address: "10.0.0.9:7400", protocolVersion: 1 };
  const joining = { node, operations: control.operations, membersAsOf: () => 12 };
  expect(await letJoin(joining, { ...request, clusterId: "" })).toMatchObject({
    kind: "refused",
    reason: "in-use",
  });
});

async function refusal(call: Promise<unknown>) {
  const error = await call.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof ConnectError)) throw new Error("it was not refused");
  const [info] = error.findDetails(ErrorInfoSchema);
  return { code: error.code, reason: info?.reason, outcome: info?.outcome, field: info?.field };
}

const NOT_APPLIED = { outcome: Outcome.NOT_APPLIED };

test.each<[string, (cluster: Client<typeof ClusterService>) => Promise<unknown>, object]>([
  [
    "node 0",
    (cluster) => cluster.addMember({ node: 0, address: "a:1" }),
    { code: Code.InvalidArgument, reason: Reason.INVALID_FIELD, field: "node" },
  ],
  [
    "an address without a port",
    (cluster) => cluster.addMember({ node: 4, address: "10.0.0.4" }),
    { code: Code.InvalidArgument, reason: Reason.INVALID_FIELD, field: "address" },
  ],
  [
    "port 65,536",
    (cluster) => cluster.addMember({ node: 4, address: "a:65536" }),
    { code: Code.InvalidArgument, reason: Reason.INVALID_FIELD, field: "address" },
  ],
  [
    "a number that has another address",
    (cluster) => cluster.addMember({ node: 2, address: "a:1" }),
    { code: Code.AlreadyExists, reason: Reason.MEMBER_EXISTS },
  ],
  [
    "an address that another has",
    (cluster) => cluster.addMember({ node: 4, address: member(2).address }),
    { code: Code.AlreadyExists, reason: Reason.ADDRESS_TAKEN },
  ],
  [
    "the removal of nobody",
    (cluster) => cluster.removeMember({ node: 9 }),
    { code: Code.NotFound, reason: Reason.NO_SUCH_MEMBER },
  ],
  [
    "a removal after which one of two would be silent",
    (cluster) => cluster.removeMember({ node: 2 }),
    { code: Code.FailedPrecondition, reason: Reason.WOULD_LOSE_QUORUM },
  ],
  [
    "a hand-over to nobody",
    (cluster) => cluster.transferLeadership({ toNode: 9 }),
    { code: Code.NotFound, reason: Reason.NO_SUCH_MEMBER },
  ],
  [
    "a hand-over of a partition that is none",
    (cluster) => cluster.transferLeadership({ toNode: 2, partition: 3 }),
    { code: Code.InvalidArgument, reason: Reason.INVALID_FIELD, field: "partition" },
  ],
])("%s is refused", async (_, call, expected) => {
  const { cluster } = await clusterOf();
  expect(await refusal(call(cluster))).toMatchObject({ ...NOT_APPLIED, ...expected });
});

test("while a partition has another configuration than the list, a change is refused", async () => {
  const { cluster, scripted } = await clusterOf();
  scripted.configuration.learners.push(replicaIdOf(8, 5));
  expect(await refusal(cluster.removeMember({ node: 3 }))).toMatchObject({
    code: Code.FailedPrecondition,
    reason: Reason.CHANGE_UNDER_WAY,
  });
});

test("a silent member is removed", async () => {
  const { cluster, node } = await clusterOf();
  await cluster.removeMember({ node: 3 });
  expect(node.members().map((one) => one.node)).toEqual([1, 2]);
});

test("a hand-over answers with the partitions that have moved in time", async () => {
  const { cluster, advance, scripted } = await clusterOf();

  const answer = cluster.transferLeadership({ toNode: 2 }, { timeoutMs: 400 });
  for (let i = 0; i < 5; i++) {
    await settled();
    await advance(100);
  }

  expect((await answer).partitions).toEqual([1]);
  expect(scripted.transfers).toEqual([2, 2]);
});

test("a backup holds what was acknowledged, in messages of at most 256 KiB", async () => {
  const { cluster, enter, node } = await clusterOf();
  await enter("a", 1n);
  await enter("b", 2n);
  const chunks: Uint8Array[] = [];

  for await (const { chunk } of cluster.saveSnapshot({})) chunks.push(chunk);

  expect(Math.max(...chunks.map(({ length }) => length))).toBeLessThanOrEqual(256 * 1024);
  const source = (async function* () {
    yield* chunks;
  })();
  const check = await checkBackup(source);
  if (check.kind !== "sound") throw new Error(check.detail);
  expect(check.clusterId).toEqual(node.cluster.clusterId);
  expect(check.partitions.map(({ candidates }) => candidates).reduce((a, b) => a + b)).toBe(2);
});

test("a backup that finds no leader ends with an error", async () => {
  const { cluster, log, advance } = await clusterOf();
  log(2).follow(undefined);
  const read = async () => {
    for await (const _ of cluster.saveSnapshot({})) void _;
  };
  const answer = refusal(read());
  for (let i = 0; i < 12; i++) await advance(500);
  expect(await answer).toMatchObject({ code: Code.Unavailable, reason: Reason.NO_LEADER });
});
