// SPDX-License-Identifier: Apache-2.0
import { replicaIdOf } from "@conclave/raft";
import { expect, test } from "vitest";
import { LeavingMembers } from "./leaving-members.ts";

const member = (node: number, incarnation = 0) => ({ node, incarnation, address: `${node}:1` });
const voting =
  (...replicas: number[]) =>
  () => [{ voters: replicas, outgoing: [], learners: [] }];
const beats = (leaving: LeavingMembers, count: number, groups: ReturnType<typeof voting>) => {
  let isAnyGone = false;
  for (let i = 0; i < count; i++) isAnyGone = leaving.beat(groups);
  return isAnyGone;
};

test("who is off the list is heard while a group counts it, and for five seconds more", () => {
  const leaving = new LeavingMembers();
  leaving.changed([member(1), member(2), member(3)], [member(1), member(2)]);

  expect(beats(leaving, 1_000, voting(replicaIdOf(1, 0), replicaIdOf(3, 0)))).toBe(false);
  expect(leaving.members).toEqual([member(3)]);
  expect(beats(leaving, 199, voting(replicaIdOf(1, 0)))).toBe(false);
  expect(leaving.members).toEqual([member(3)]);

  expect(leaving.beat(voting(replicaIdOf(1, 0)))).toBe(true);
  expect(leaving.members).toEqual([]);
});

test("one group that counts it again begins the wait anew", () => {
  const leaving = new LeavingMembers();
  leaving.changed([member(1), member(3)], [member(1)]);
  beats(leaving, 150, voting(replicaIdOf(1, 0)));
  beats(leaving, 1, voting(replicaIdOf(3, 0)));
  expect(beats(leaving, 199, voting(replicaIdOf(1, 0)))).toBe(false);
});

test("an old directory whose node is on the list under another incarnation is gone at once", () => {
  const leaving = new LeavingMembers();
  leaving.changed([member(1), member(2)], [member(1), member(2, 9)]);
  expect(leaving.members).toEqual([]);
});

test("who is added again is not leaving", () => {
  const leaving = new LeavingMembers();
  leaving.changed([member(1), member(2)], [member(1)]);
  leaving.changed([member(1)], [member(1), member(2)]);
  expect(leaving.members).toEqual([]);
});
