// SPDX-License-Identifier: Apache-2.0
import { expect, test } from "vitest";
import { firstIdentity, type NodeIdentity } from "../member/identity.ts";
import { placeOf } from "./place.ts";

const members = [
  { node: 1, address: "a:7401" },
  { node: 2, address: "b:7402" },
];
const wanted = { node: 2, members, partitionCount: 8, token: undefined };
const identity = firstIdentity(wanted, { nonce: "n" });
const alone = firstIdentity({ ...wanted, members: undefined }, { nonce: "n" });
const found = (of: NodeIdentity) => ({ kind: "found", identity: of }) as const;

const options = { node: 2, address: undefined, port: 7402 };

test("a node that comes back is where its members know it, on whatever host it listens", () => {
  expect(placeOf(options, found(identity))).toEqual({ kind: "place", address: "b:7402" });
  const moved = { ...identity, known: [{ node: 2, incarnation: 0, address: "c:7402" }] };
  const other = { ...moved, known: [...moved.known, { node: 1, incarnation: 0, address: "a:1" }] };
  expect(placeOf(options, found(other))).toEqual({ kind: "place", address: "c:7402" });
});

test("on another port it would be looked for in vain, and is told so", () => {
  const misplaced = placeOf({ ...options, port: 7400 }, found(identity));
  expect(misplaced).toMatchObject({ kind: "failed", reason: "misplaced" });
  expect(misplaced.kind === "failed" && misplaced.detail).toContain("know it at b:7402");
});

test("it may have moved, if it says where to", () => {
  const moved = { ...options, port: 80, address: "z:9" };
  expect(placeOf(moved, found(identity))).toEqual({ kind: "place", address: "z:9" });
});

test.each([
  ["a new directory", { kind: "none" } as const],
  ["a cluster of one", found(alone)],
])("%s is where it listens", (_what, state) => {
  expect(placeOf({ ...options, port: 1 }, state)).toEqual({ kind: "place", address: undefined });
});
