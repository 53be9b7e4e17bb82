// SPDX-License-Identifier: Apache-2.0
/** The list of members: who gets on it, who takes whose place, and what is refused. */
import { describe, expect, test } from "vitest";
import { apply } from "./apply.ts";
import type { Command } from "./command.ts";
import { assertPartitionValid } from "./invariants.ts";
import { createPartition, type PartitionState } from "./partition.ts";
import { restoreCluster } from "./restore-cluster.ts";

const address = (node: number): string => `10.0.0.${node}:7400`;
const member = (node: number, incarnation = 0) => ({ node, incarnation, address: address(node) });
const first = (...nodes: number[]): Command => ({
  kind: "set-first-members",
  members: nodes.map((node) => member(node)),
});
const put = (node: number, incarnation: number, at = address(node)): Command => ({
  kind: "put-member",
  node,
  incarnation,
  address: at,
});
const invite = (node: number, at = address(node)): Command => ({
  kind: "invite-member",
  node,
  address: at,
});
const remove = (node: number): Command => ({ kind: "remove-member", node });

function run(state: PartitionState, ...commands: Command[]) {
  const applied = apply(state, { timeMs: 1, commands });
  assertPartitionValid(state);
  return applied;
}

function withMembers(...nodes: number[]): PartitionState {
  const state = createPartition();
  run(state, first(...nodes));
  return state;
}

const changed = { kind: "members-changed", already: false };
const already = { kind: "members-changed", already: true };
const refused = (reason: string) => ({ kind: "members-refused", reason });

test("the first list is taken once, in the order of the nodes", () => {
  const state = createPartition();

  expect(run(state, first(3, 1, 2))).toMatchObject({ replies: [changed], membersChanged: true });
  expect(state.members.map(({ node }) => node)).toEqual([1, 2, 3]);

  expect(run(state, first(7))).toMatchObject({ replies: [already], membersChanged: false });
  expect(state.members.map(({ node }) => node)).toEqual([1, 2, 3]);
});

test("an entry that changes no member says so", () => {
  const { membersChanged } = run(withMembers(1), { kind: "raise-level", level: 1 });
  expect(membersChanged).toBe(false);
});

test("a node that reports in under another incarnation takes the place of the old one", () => {
  const state = withMembers(1, 2, 3);

  expect(run(state, put(2, 77)).replies).toEqual([changed]);
  expect(run(state, put(2, 77))).toMatchObject({ replies: [already], membersChanged: false });

  expect(state.members).toEqual([member(1), member(2, 77), member(3)]);
});

test("an invited node is no member until it reports in", () => {
  const state = withMembers(1, 2, 3);

  expect(run(state, invite(4))).toMatchObject({ replies: [changed], membersChanged: true });
  expect(state.members.map(({ node }) => node)).toEqual([1, 2, 3]);
  expect(state.invited).toEqual([{ node: 4, address: address(4) }]);
  expect(run(state, invite(4)).replies).toEqual([already]);

  expect(run(state, put(4, 5)).replies).toEqual([changed]);
  expect(state.members).toContainEqual(member(4, 5));
  expect(state.invited).toEqual([]);
});

test("who is a member already is not invited again", () => {
  const state = withMembers(1, 2);
  expect(run(state, invite(2)).replies).toEqual([already]);
  expect(state.invited).toEqual([]);
});

describe("refused, and nothing changes", () => {
  test.each([
    ["a node that has another address", invite(1, "elsewhere:1"), "member_exists"],
    ["an invitation to an address that a member has", invite(3, address(1)), "address_taken"],
    ["a node that reports from another's address", put(3, 9, address(1)), "address_taken"],
    ["an address that somebody invited has", invite(3, address(9)), "address_taken"],
    ["the removal of nobody", remove(8), "no_such_member"],
  ])("%s", (_, command, reason) => {
    const state = withMembers(1, 2);
    run(state, invite(9));
    const { members, invited } = state;

    expect(run(state, command)).toMatchObject({
      replies: [refused(reason)],
      membersChanged: false,
    });

    expect(state.members).toBe(members);
    expect(state.invited).toBe(invited);
  });

  test("the removal of the last member, whoever is invited", () => {
    const state = withMembers(1);
    run(state, invite(2));
    expect(run(state, remove(1)).replies).toEqual([refused("last_member")]);
    expect(run(state, remove(2)).replies).toEqual([changed]);
  });

  test("additions before there is a first list", () => {
    const state = createPartition();
    expect(run(state, put(1, 0), invite(2)).replies).toEqual([
      refused("no_members"),
      refused("no_members"),
    ]);
  });

  test("the 65th member, but not the new incarnation of one of 64", () => {
    const state = withMembers(...Array.from({ length: 63 }, (_, i) => i + 1));
    run(state, invite(64));
    expect(run(state, invite(65), put(65, 1)).replies).toEqual([
      refused("too_many_members"),
      refused("too_many_members"),
    ]);
    expect(run(state, put(7, 1), put(64, 1)).replies).toEqual([changed, changed]);
  });
});

test("a removed node is gone, and may be added again", () => {
  const state = withMembers(1, 2, 3);
  expect(run(state, remove(1)).replies).toEqual([changed]);
  expect(state.members.map(({ node }) => node)).toEqual([2, 3]);
  expect(run(state, put(1, 4)).replies).toEqual([changed]);
});

test("a cluster that is made from a backup has no members yet", () => {
  const state = withMembers(1, 2, 3);
  run(state, invite(4));

  restoreCluster(state);

  expect([state.members, state.invited]).toEqual([[], []]);
  expect(run(state, first(9)).replies).toEqual([changed]);
});
