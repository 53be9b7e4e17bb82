// SPDX-License-Identifier: Apache-2.0
/** The driver: one change of a group at a time, the first list, and leaders that spread without haste. */
import { createManualClock, LoopWatch } from "@conclave/base";
import type { Member, MemberCommand } from "@conclave/fsm";
import { replicaIdOf } from "@conclave/raft";
import { expect, test } from "vitest";
import { preferredReplica } from "./leader-balance.ts";
import { createMembership } from "./membership.ts";
import type { LogPeer, MembershipLog } from "./membership-log.ts";
import type { LogRole } from "./replicated-log.ts";

const self = replicaIdOf(1, 0);
const member = (node: number, incarnation = 0): Member => ({
  node,
  incarnation,
  address: `10.0.0.${node}:1`,
});
const peer = (node: number, other: Partial<LogPeer> = {}): LogPeer => ({
  replica: replicaIdOf(node, 0),
  matchIndex: 100,
  isActive: true,
  isLearner: false,
  state: "replicate",
  ...other,
});

/** A group of nodes 1 to 3 that writes down what it is asked for and does it when told. */
class ScriptedLog implements MembershipLog {
  role: LogRole = { kind: "leader", raftTerm: 1 };
  peers: readonly LogPeer[] = [peer(2), peer(3)];
  configuration = { voters: [1, 2, 3].map((n) => replicaIdOf(n, 0)), outgoing: [], learners: [] };
  readonly transfers: number[] = [];
  readonly changes: (readonly [voters: readonly number[], learners: readonly number[]])[] = [];
  answer: () => void = () => {};

  status() {
    const { configuration, peers } = this;
    const indices = { commitIndex: 100, appliedIndex: 100, lastIndex: 100 };
    return { raftTerm: 1, ...indices, configuration, peers };
  }

  hold(): () => void {
    return () => {};
  }

  changeConfiguration(voters: readonly number[], learners: readonly number[]) {
    this.changes.push([voters, learners]);
    return new Promise<{ kind: "refused"; reason: string }>((resolve) => {
      this.answer = () => resolve({ kind: "refused", reason: "change-under-way" });
    });
  }

  transfer(toNode: number): void {
    this.transfers.push(toNode);
  }
}

function scene(groups: number, members: readonly Member[] = [1, 2, 3].map((n) => member(n))) {
  const clock = createManualClock();
  const loop = new LoopWatch(clock);
  const logs = Array.from({ length: groups }, () => new ScriptedLog());
  const proposed: MemberCommand[] = [];
  const list = { members };
  let settle = (): void => {};
  const membership = createMembership({
    self,
    logs,
    members: () => list.members,
    firstMembers: [1, 2, 3].map((n) => member(n)),
    propose: (command, settled) => {
      proposed.push(command);
      settle = settled;
    },
    loop,
  });
  loop.start();
  return {
    logs,
    log: logs[0]!,
    list,
    proposed,
    membership,
    settle: () => settle(),
    async advance(ms: number) {
      for (let left = ms; left > 0; left -= 20) {
        clock.advance(20);
        await Promise.resolve();
        await Promise.resolve();
      }
    },
  };
}

test("voters are preferred in turn, whatever their order in the configuration", () => {
  const voters = [3, 1, 2].map((n) => replicaIdOf(n, n));
  const preferred = [1, 2, 3, 4].map((group) => preferredReplica(group, voters));
  expect(preferred).toEqual([1, 2, 3, 1].map((n) => replicaIdOf(n, n)));
});

test("partition 1's leader proposes the first list once, and again only if it came to nothing", async () => {
  const { proposed, advance, settle, log } = scene(1, []);

  await advance(1_000);
  expect(proposed.map(({ kind }) => kind)).toEqual(["set-first-members"]);

  settle();
  await advance(300);
  expect(proposed).toHaveLength(2);

  settle();
  log.role = { kind: "follower", raftTerm: 1, leader: 2 };
  await advance(1_000);
  expect(proposed).toHaveLength(2);
});

test("a group is asked for one change at a time", async () => {
  const { list, log, advance } = scene(1);
  list.members = [1, 2, 3, 4].map((n) => member(n));

  await advance(2_000);
  expect(log.changes).toEqual([[log.configuration.voters, [replicaIdOf(4, 0)]]]);

  log.answer();
  await advance(300);
  expect(log.changes).toHaveLength(2);
});

test("groups that are led elsewhere are left alone", async () => {
  const { list, log, advance } = scene(1);
  log.role = { kind: "follower", raftTerm: 1, leader: 2 };
  list.members = [member(1)];

  await advance(10_000);

  expect([log.changes, log.transfers]).toEqual([[], []]);
});

test("a leader hands over to the preferred voter after five seconds, and tries again less and less", async () => {
  const { logs, advance } = scene(2);
  const [first, second] = logs;

  await advance(4_900);
  expect(second?.transfers).toEqual([]);

  await advance(700);
  expect(second?.transfers).toEqual([2]);
  expect(first?.transfers).toEqual([]);

  await advance(9_000);
  expect(second?.transfers).toEqual([2]);
  await advance(2_000);
  expect(second?.transfers).toEqual([2, 2]);
  await advance(18_000);
  expect(second?.transfers).toEqual([2, 2]);
});

test("a voter that was silent or behind is well for five seconds before it is preferred", async () => {
  const { logs, advance } = scene(2);
  const second = logs[1]!;
  await advance(4_000);

  second.peers = [peer(2, { isActive: false }), peer(3)];
  await advance(300);
  second.peers = [peer(2, { state: "probe" }), peer(3)];
  await advance(300);
  second.peers = [peer(2), peer(3)];

  await advance(4_700);
  expect(second.transfers).toEqual([]);
  await advance(800);
  expect(second.transfers).toEqual([2]);
});

test("a node that comes back is given one group at a time", async () => {
  const { logs, advance } = scene(8);
  const handedOver = (): number => logs.flatMap(({ transfers }) => transfers).length;
  await advance(4_900);

  let before = handedOver();
  for (let passes = 0; passes < 10; passes++) {
    await advance(240);
    expect(handedOver() - before).toBeLessThanOrEqual(1);
    before = handedOver();
  }
  // Of eight groups the first, the fourth and the seventh are this node's own.
  expect(before).toBe(5);
});

test("where an operator has put a leader it stays for ten minutes", async () => {
  const { logs, membership, advance } = scene(2);
  membership.holdLeader(2);

  await advance(599_000);
  expect(logs[1]?.transfers).toEqual([]);
  await advance(7_000);
  expect(logs[1]?.transfers).toEqual([2]);
});

test("no leader moves for balance while its group is not as listed", async () => {
  const { logs, list, advance } = scene(2);
  list.members = [...list.members, member(4)];
  await advance(20_000);
  expect(logs[1]?.transfers).toEqual([]);
});
