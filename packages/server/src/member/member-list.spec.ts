// SPDX-License-Identifier: Apache-2.0
import type { Member } from "@conclave/fsm";
import { replicaIdOf } from "@conclave/raft";
import { expect, test } from "vitest";
import { firstIdentity, type NodeIdentity } from "./identity.ts";
import { MemberList } from "./member-list.ts";

const first: readonly Member[] = [
  { node: 1, incarnation: 0, address: "a:1" },
  { node: 2, incarnation: 0, address: "b:2" },
];
const moved: readonly Member[] = [first[0]!, { node: 2, incarnation: 9, address: "b:3" }];
const flags = { node: 2, members: first, partitionCount: 1, token: undefined };
const formed: NodeIdentity = { ...firstIdentity(flags, { nonce: "n" }), state: "formed" };
const joining: NodeIdentity = { ...formed, incarnation: 9, state: "joining" };

function listOf(identity: NodeIdentity) {
  const told: (readonly [readonly Member[], number])[] = [];
  const saved: NodeIdentity[] = [];
  const reported: Member[] = [];
  const listeners = new Set<() => void>();
  const beats = new Set<() => void>();
  const state = { members: [] as readonly Member[], appliedIndex: 0, voters: [] as number[] };
  const list = new MemberList({
    log: () => {},
    directory: {
      async save(next) {
        saved.push(next);
        return undefined;
      },
    },
    identity,
    address: "b:2",
    loop: {
      onBeat(beat) {
        beats.add(beat);
        return () => beats.delete(beat);
      },
    },
    changed: () => {},
    report: async (self) => {
      reported.push(self);
    },
    member: {
      get appliedIndex() {
        return state.appliedIndex;
      },
      configurations: () => [{ voters: state.voters, outgoing: [], learners: [] }],
      mesh: { setMembers: (members, asOf) => told.push([members, asOf]) },
      replicas: {
        members: () => state.members,
        onMembers(listener) {
          listeners.add(listener);
          return () => listeners.delete(listener);
        },
      },
    },
  });
  list.start();
  const apply = (members: readonly Member[], appliedIndex: number): void => {
    Object.assign(state, { members });
    for (const listener of listeners) listener();
    Object.assign(state, { appliedIndex });
  };
  const beat = (): void => {
    for (const each of beats) each();
  };
  return { list, told, saved, reported, state, apply, beat };
}

test("the list of the first start holds until partition 1 has one", () => {
  const { told, saved, beat } = listOf(formed);
  beat();
  expect(told).toEqual([[first, 0]]);
  expect(saved).toEqual([]);
});

test("a change is told with an index that is past it, and written down for the next start", () => {
  const { told, saved, apply, beat } = listOf(formed);
  apply(first, 4);
  beat();
  apply(moved, 30);
  beat();
  expect(told.slice(1)).toEqual([
    [first, 4],
    [moved, 30],
  ]);
  expect(saved.map(({ known, knownAsOf }) => [known, knownAsOf])).toEqual(told.slice(1));
});

test("a list that stays is told anew now and then, not written down again", () => {
  const { told, saved, apply, beat, state } = listOf(formed);
  apply(first, 4);
  beat();
  state.appliedIndex = 1_003;
  beat();
  expect(told).toHaveLength(2);
  state.appliedIndex = 1_004;
  beat();
  expect(told.at(-1)).toEqual([first, 1_004]);
  expect(saved).toHaveLength(1);
});

test("who joins talks to nobody before it is taken in, and is a member once it is listed", () => {
  const { list, told, saved, apply, beat } = listOf(joining);
  expect(told).toEqual([]);
  apply(first, 4);
  beat();
  expect([list.isListed, saved.at(-1)?.state]).toEqual([false, "joining"]);
  expect(list.obstacles()).toHaveLength(1);
  apply(moved, 5);
  beat();
  expect([list.isListed, saved.at(-1)?.state]).toEqual([true, "formed"]);
  expect(list.obstacles()).toEqual([]);
});

test("whoever is not on the list any more says so, and does not forget that it was formed", () => {
  const { list, saved, apply, beat } = listOf(formed);
  apply(first, 4);
  beat();
  apply([first[0]!], 9);
  beat();
  expect(list.obstacles()).toEqual(["not a member of the cluster, or not any more"]);
  expect(saved.at(-1)?.state).toBe("formed");
});

test("a node that the list has elsewhere says where it is, once a second, until the list has it", async () => {
  const { reported, apply, beat } = listOf(joining);
  const beats = async (count: number): Promise<void> => {
    for (let i = 0; i < count; i++) {
      beat();
      await Promise.resolve();
      await Promise.resolve();
    }
  };
  apply(first, 4);
  await beats(100);
  expect(reported).toEqual([]);
  apply(moved, 5);
  await beats(100);
  expect(reported).toHaveLength(3);
  expect(reported[0]).toEqual({ node: 2, incarnation: 9, address: "b:2" });
  apply([first[0]!, { ...moved[1]!, address: "b:2" }], 6);
  await beats(100);
  expect(reported).toHaveLength(3);
});

test("after a stop nothing is told", () => {
  const { list, told, apply, beat } = listOf(formed);
  list.stop();
  apply(moved, 4);
  beat();
  expect(told).toHaveLength(1);
});

test("a member that is taken off is talked to until no group counts it", () => {
  const { told, apply, beat, state } = listOf(formed);
  apply(first, 4);
  beat();
  const [removed, ...staying] = first;
  state.voters = first.map(({ node }) => replicaIdOf(node, 0));

  apply(staying, 5);
  for (let i = 0; i < 300; i++) beat();
  expect(told.at(-1)).toEqual([[...staying, removed], 5]);

  state.voters = staying.map(({ node }) => replicaIdOf(node, 0));
  for (let i = 0; i < 200; i++) beat();
  expect(told.at(-1)).toEqual([staying, 5]);
});
