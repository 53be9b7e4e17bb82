// SPDX-License-Identifier: Apache-2.0
/** What operators ask, on any node of three: done by the right one, refused where it would do harm. */
import { createManualClock } from "@conclave/base";
import {
  apply,
  type Command,
  createPartition,
  type Member,
  type PartitionState,
} from "@conclave/fsm";
import { replicaIdOf } from "@conclave/raft";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { splitPeerCalls } from "./call-channels.ts";
import { ClusterChanges } from "./cluster-changes.ts";
import {
  decodeOperation,
  decodeOutcome,
  encodeOperation,
  encodeOutcome,
  type Operation,
  type OperationOutcome,
  type QuestionOutcome,
} from "./cluster-operation.ts";
import { ClusterOperations } from "./cluster-operations.ts";
import type { ElectionNode, PartitionLeader } from "./election-node.ts";
import type { LogPeer, MembershipLog } from "./membership-log.ts";
import type { PeerCallHandler, PeerCalls } from "./peer-calls.ts";
import type { Submission } from "./proposals.ts";
import type { LogRole } from "./replicated-log.ts";

const member = (node: number, incarnation = 0): Member => ({
  node,
  incarnation,
  address: `10.0.0.${node}:1`,
});

/** Three nodes in one process that share the state of partition 1; node 1 leads both partitions. */
class Cluster {
  readonly clock = createManualClock();
  readonly state: PartitionState = createPartition();
  readonly handlers = new Map<number, PeerCallHandler>();
  readonly held: string[] = [];
  readonly transfers: string[] = [];
  leaders: PartitionLeader[] = [1, 2].map((partition) => ({ partition, node: 1 }));
  silent = new Set<number>();
  unreachable = new Set<number>();
  voters: number[] = [1, 2, 3].map((node) => replicaIdOf(node, 0));
  learners: number[] = [];
  outgoing: number[] = [];

  constructor() {
    this.apply({ kind: "set-first-members", members: [1, 2, 3].map((node) => member(node)) });
  }

  apply(command: Command) {
    return apply(this.state, { timeMs: 1, commands: [command] }).replies;
  }

  operations(self: number): ClusterOperations {
    const role = (partition: number): LogRole => {
      const leader = this.leaders.find((one) => one.partition === partition)?.node;
      if (leader === self) return { kind: "leader", raftTerm: 1 };
      return { kind: "follower", raftTerm: 1, leader };
    };
    const node = {
      cluster: { node: self } as ElectionNode["cluster"],
      members: () => this.state.members,
      leaders: () => this.leaders,
      partition: (number: number) => ({
        role: role(number),
        state: this.state,
        submit: ({ commands, settle }: Submission) =>
          settle({ kind: "replied", replies: this.apply(commands[0]!), index: 1 }),
      }),
    } as unknown as ElectionNode;
    const changes = new ClusterChanges({
      node,
      logs: [1, 2].map((partition) => this.log(partition, self, role)),
      membership: { holdLeader: (partition) => this.held.push(`${partition} at ${self}`) },
      clock: this.clock,
    });
    const calls = splitPeerCalls(this.peerCalls(self)).operations;
    return new ClusterOperations({ node, changes, calls, clock: this.clock });
  }

  log(partition: number, self: number, role: (partition: number) => LogRole): MembershipLog {
    const peer = (replica: number): LogPeer => ({
      replica,
      matchIndex: 9,
      isActive: !this.silent.has(replica),
      isLearner: false,
      state: "replicate",
    });
    return {
      get role() {
        return role(partition);
      },
      status: () => ({
        ...{ raftTerm: 1, commitIndex: 9, appliedIndex: 9, lastIndex: 9 },
        configuration: { voters: this.voters, outgoing: this.outgoing, learners: this.learners },
        peers: this.voters.filter((id) => id !== replicaIdOf(self, 0)).map(peer),
      }),
      hold: () => () => {},
      changeConfiguration: () => Promise.reject(new Error("not asked for here")),
      transfer: (toNode) => {
        this.transfers.push(`${partition} from ${self} to ${toNode}`);
        this.leaders = this.leaders.map((one) =>
          one.partition === partition ? { partition, node: toNode } : one,
        );
      },
    };
  }

  peerCalls(self: number): PeerCalls {
    return {
      serve: (handler) => void this.handlers.set(self, handler),
      call: async (node, request, { giveUpAtMs }) => {
        const handler = this.handlers.get(node);
        if (this.unreachable.has(node) || handler === undefined) {
          return { kind: "unreachable", isSent: false };
        }
        const { signal } = new AbortController();
        return { kind: "answered", answer: await handler(self, request, { giveUpAtMs, signal }) };
      },
    };
  }
}

const add = (node: number): Operation & { kind: "add-member" } => ({
  kind: "add-member",
  node,
  address: member(node).address,
});
const remove = (node: number) => ({ kind: "remove-member", node }) as const;
const join = (node: number, incarnation: number) =>
  ({ kind: "join", member: member(node, incarnation) }) as const;
const done = { kind: "done", already: false };
const refused = (reason: string) => ({ kind: "refused", reason });

test("any node passes a change on to the leader of partition 1, which does it", async () => {
  const cluster = new Cluster();
  const [first, second] = [cluster.operations(1), cluster.operations(2)];

  expect(await second.changeMembers(add(4), 1_000)).toEqual(done);
  expect(await first.changeMembers(add(4), 1_000)).toEqual({ kind: "done", already: true });
  expect(cluster.state.invited).toEqual([{ node: 4, address: member(4).address }]);

  expect(await second.changeMembers(remove(3), 1_000)).toEqual(done);
  expect(cluster.state.members.map(({ node }) => node)).toEqual([1, 2]);
});

test("a request is passed on once: who is asked and does not lead refuses", async () => {
  const cluster = new Cluster();
  cluster.operations(1);
  const third = cluster.operations(3);
  cluster.leaders = [{ partition: 1, node: 1 }];
  const asked = cluster.handlers.get(3);
  const { signal } = new AbortController();

  const marked = Uint8Array.of(2, ...encodeOperation(add(4)));
  const answer = await asked?.(2, marked, { giveUpAtMs: 1_000, signal });

  expect(answer && decodeOutcome(answer)).toEqual(refused("no_leader"));
  expect(await third.changeMembers(add(4), 1_000)).toEqual(done);
});

test("while nobody leads it waits for a leader as long as the caller does", async () => {
  const cluster = new Cluster();
  cluster.operations(1);
  const second = cluster.operations(2);
  const { leaders } = cluster;
  cluster.leaders = [];

  const late = second.changeMembers(add(4), 200);
  for (let i = 0; i < 20; i++) await pass(cluster, 25);
  expect(await late).toEqual(refused("no_leader"));

  const inTime = second.changeMembers(add(4), cluster.clock.monotonicMs() + 1_000);
  await pass(cluster, 100);
  cluster.leaders = leaders;
  await pass(cluster, 100);
  expect(await inTime).toEqual(done);
});

test("what was sent and not answered is not asked again", async () => {
  const cluster = new Cluster();
  cluster.operations(1);
  const second = cluster.operations(2);
  let calls = 0;
  cluster.handlers.set(1, () => {
    calls++;
    return Promise.resolve(new Uint8Array());
  });
  expect(await second.changeMembers(remove(3), 1_000)).toEqual({ kind: "unknown" });
  expect(calls).toBe(1);
});

async function pass(cluster: Cluster, ms: number): Promise<void> {
  cluster.clock.advance(ms);
  for (let i = 0; i < 20; i++) await Promise.resolve();
}

describe("a change that would do harm is refused", () => {
  const leading = (prepare: (cluster: Cluster) => void) => {
    const cluster = new Cluster();
    const operations = cluster.operations(1);
    prepare(cluster);
    return (operation: Parameters<ClusterOperations["changeMembers"]>[0]) =>
      operations.changeMembers(operation, 1_000);
  };

  test("adding while another addition is under way", async () => {
    const ask = leading((cluster) => {
      cluster.apply({ kind: "put-member", ...member(4, 8) });
      cluster.learners = [replicaIdOf(4, 8)];
    });
    expect(await ask(add(5))).toEqual(refused("change_under_way"));
    expect(await ask(join(5, 3))).toEqual(refused("change_under_way"));
    expect(await ask(remove(2))).toEqual(refused("change_under_way"));
  });

  test("but what is under way may be taken back", async () => {
    const ask = leading((cluster) => {
      cluster.apply({ kind: "put-member", ...member(4, 8) });
      cluster.learners = [replicaIdOf(4, 8)];
    });
    expect(await ask(remove(4))).toEqual(done);
  });

  test("removing while a joint configuration is in use", async () => {
    const ask = leading((cluster) => {
      cluster.outgoing = cluster.voters;
    });
    expect(await ask(remove(3))).toEqual(refused("change_under_way"));
  });

  test("removing a node on whose vote the majority hangs", async () => {
    const ask = leading((cluster) => cluster.silent.add(replicaIdOf(3, 0)));
    expect(await ask(remove(2))).toEqual(refused("would_lose_quorum"));
    expect(await ask(remove(3))).toEqual(done);
  });

  test("what the list itself refuses", async () => {
    const ask = leading(() => {});
    expect(await ask({ ...add(3), address: "x:1" })).toEqual(refused("member_exists"));
    expect(await ask({ ...add(4), address: member(3).address })).toEqual(refused("address_taken"));
    expect(await ask(remove(9))).toEqual(refused("no_such_member"));
  });

  test("a number whose owner is heard of; a directory that is gone may be replaced", async () => {
    const ask = leading((cluster) => cluster.silent.add(replicaIdOf(3, 0)));
    expect(await ask(join(2, 77))).toEqual(refused("in_use"));
    expect(await ask(join(1, 77))).toEqual(refused("in_use"));
    expect(await ask(join(3, 77))).toEqual(done);
    expect(await ask(join(2, 0))).toEqual({ kind: "done", already: true });
  });

  test("a node that was added joins though another change is under way", async () => {
    const ask = leading((cluster) => {
      cluster.apply({ kind: "invite-member", node: 4, address: member(4).address });
      cluster.learners = [replicaIdOf(9, 8)];
    });
    expect(await ask(join(4, 3))).toEqual(done);
  });
});

test("a hand-over goes to every leader, and the new one is told to stay", async () => {
  const cluster = new Cluster();
  const [first, second, third] = [1, 2, 3].map((node) => cluster.operations(node));
  cluster.leaders = [
    { partition: 1, node: 1 },
    { partition: 2, node: 3 },
  ];

  expect(await first?.transfer([1, 2], 2, 1_000)).toEqual([1, 2]);

  expect(cluster.transfers).toEqual(["1 from 1 to 2", "2 from 3 to 2"]);
  expect(cluster.held).toEqual(["1 at 2", "2 at 2"]);
  expect(await second?.transfer([1], 9, 1_000)).toBe("no_such_member");
  expect(third).toBeDefined();
});

test("operations and outcomes are read back as they were; what cannot be read does not throw", () => {
  const partitions = fc.array(fc.integer({ min: 1, max: 256 }));
  const node = fc.integer({ min: 1, max: 65_535 });
  const address = fc.string({ minLength: 1 });
  const operation: fc.Arbitrary<Operation> = fc.oneof(
    fc.record({ kind: fc.constant("add-member" as const), node, address }),
    fc.record({ kind: fc.constant("remove-member" as const), node }),
    fc.record({
      kind: fc.constant("join" as const),
      member: fc.record({ node, incarnation: fc.integer({ min: 0, max: 2 ** 32 - 1 }), address }),
    }),
    fc.record({ kind: fc.constant("transfer" as const), partitions, toNode: node }),
    fc.record({ kind: fc.constant("hold" as const), partitions }),
    fc.record({ kind: fc.constant("question" as const), question: fc.uint8Array() }),
  );
  fc.assert(
    fc.property(operation, (one) => {
      expect(decodeOperation(encodeOperation(one))).toEqual(one);
    }),
    { numRuns: 300, seed: 1 },
  );
  const outcomes: (OperationOutcome | QuestionOutcome)[] = [
    { kind: "answered", answer: Uint8Array.of(1, 2) },
    { kind: "done", already: true },
    { kind: "done", already: false },
    { kind: "refused", reason: "change_under_way" },
    { kind: "unknown" },
  ];
  for (const outcome of outcomes) expect(decodeOutcome(encodeOutcome(outcome))).toEqual(outcome);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
      decodeOperation(bytes);
      decodeOutcome(bytes);
    }),
    { numRuns: 500, seed: 1 },
  );
});
