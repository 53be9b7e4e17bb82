// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from "vitest";
import {
  differenceOf,
  firstIdentity,
  isAlone,
  membersOf,
  type NodeIdentity,
  type WantedIdentity,
} from "./identity.ts";

const three = [
  { node: 1, address: "a:1" },
  { node: 2, address: "b:2" },
  { node: 3, address: "c:3" },
];

const wanted = (flags: Partial<WantedIdentity> = {}): WantedIdentity => ({
  node: 1,
  members: undefined,
  partitionCount: undefined,
  token: undefined,
  ...flags,
});

const made = (flags: Partial<WantedIdentity> = {}): NodeIdentity =>
  firstIdentity(wanted(flags), { nonce: "n" });

const joined: NodeIdentity = { ...made(), incarnation: 7, state: "joining" };

describe("a first start", () => {
  test("alone is formed at once, with others it waits for them", () => {
    expect(made()).toMatchObject({ state: "formed", incarnation: 0, members: [] });
    expect(made({ members: [{ node: 1, address: "a:1" }] }).state).toBe("formed");
    expect(made({ members: three })).toMatchObject({ state: "unformed", members: three });
  });

  test("gives all members of one list one cluster, whichever node they are", () => {
    const second = made({ node: 2, members: three });
    expect(second.clusterId).toBe(made({ members: three }).clusterId);
    expect(second.clusterId).not.toBe(made({ members: three, token: "t" }).clusterId);
    expect(second.clusterId).not.toBe(made().clusterId);
  });

  test("has eight partitions unless it says otherwise", () => {
    expect(made().partitionCount).toBe(8);
    expect(made({ partitionCount: 2 }).partitionCount).toBe(2);
  });
});

describe("a later start", () => {
  const found = made({ members: three, partitionCount: 4, token: "t" });

  test.each<[string, Partial<WantedIdentity>]>([
    ["nothing", {}],
    ["the same", { members: three, partitionCount: 4, token: "t" }],
  ])("that says %s is taken", (_what, flags) => {
    expect(differenceOf(found, wanted(flags))).toBeUndefined();
  });

  test.each<[string, Partial<WantedIdentity>, string]>([
    ["another node", { node: 2 }, "it belongs to node 1, not 2"],
    ["other partitions", { partitionCount: 8 }, "made with 4 partitions, not 8"],
    ["another token", { token: "u" }, "made with another cluster token"],
    ["no token any more", { token: "" }, "made with another cluster token"],
    [
      "another address",
      { members: [three[0]!, { node: 2, address: "b:9" }, three[2]!] },
      "the list of its first start has node 2 at b:2, not b:9; --cluster is for the first start only",
    ],
    [
      "one more",
      { members: [...three, { node: 4, address: "d:4" }] },
      "node 4 was not in the list of its first start; --cluster is for the first start only",
    ],
    [
      "one less",
      { members: three.slice(0, 2) },
      "the list of its first start has node 3 too; --cluster is for the first start only",
    ],
  ])("that says %s is told what differs", (_what, flags, difference) => {
    expect(differenceOf(found, wanted(flags))).toContain(difference);
  });

  test("that gives a list to a node without one is told so", () => {
    expect(differenceOf(made(), wanted({ members: three }))).toContain("a cluster of one");
    expect(differenceOf(joined, wanted({ members: three }))).toContain("joined a running cluster");
  });

  test("of a restored cluster is measured with the backup that it began with", () => {
    const restored = { ...found, clusterId: "other", restoredFrom: "aa" };
    expect(differenceOf(restored, wanted({ token: "t" }))).toContain("another cluster token");
  });
});

describe("whom to dial", () => {
  test("is who was listed, until the cluster has told", () => {
    const found = made({ members: three });
    expect(membersOf(found).map(({ incarnation }) => incarnation)).toEqual([0, 0, 0]);
    const known = [{ node: 2, address: "b:9", incarnation: 5 }];
    expect(membersOf({ ...found, known })).toBe(known);
  });
});

describe("alone", () => {
  test("is a cluster of one, whether it has a list or not", () => {
    expect(isAlone(made())).toBe(true);
    expect(isAlone(made({ members: three.slice(0, 1) }))).toBe(true);
  });

  test("is nobody who has others to learn from", () => {
    expect(isAlone(made({ members: three }))).toBe(false);
    expect(isAlone(joined)).toBe(false);
    expect(isAlone({ ...made(), known: [{ ...three[1]!, incarnation: 0 }] })).toBe(false);
  });
});
