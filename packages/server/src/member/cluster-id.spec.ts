// SPDX-License-Identifier: Apache-2.0
import { expect, test } from "vitest";
import { type ClusterParts, clusterIdOf } from "./cluster-id.ts";

const hexOf = (parts: Partial<ClusterParts> = {}): string =>
  Buffer.from(clusterIdOf({ members: 1, partitionCount: 8, token: "", ...parts })).toString("hex");

const a = { node: 1, address: "a:1" };
const b = { node: 2, address: "b:2" };

test("the id of a cluster never changes from one version to the next", () => {
  // Computed once with sha256sum over the texts: data directories in the field hold them.
  // [["1"],8,""]
  expect(hexOf()).toBe("6a89b4229721a501c88ed1d0c8ae601981e94aea45b06586a0b3fabbbc15986c");
  // [["1=a:1","2=b:2"],8,"t"]
  expect(hexOf({ members: [a, b], token: "t" })).toBe(
    "7bed97a613bb399f63bfc175718a5be353c2f87cc0430352191406035a359542",
  );
});

test("the order in which members are listed does not matter", () => {
  expect(hexOf({ members: [b, a] })).toBe(hexOf({ members: [a, b] }));
});

test.each<[string, Partial<ClusterParts>]>([
  ["number", { members: 2 }],
  ["list of one", { members: [a] }],
  ["list", { members: [a, b] }],
  ["partition count", { partitionCount: 9 }],
  ["token", { token: "t" }],
  ["backup to begin with", { restoredFrom: "00" }],
])("another %s is another cluster", (_name, parts) => {
  expect(hexOf(parts)).not.toBe(hexOf());
});

test("a token is not taken for a backup", () => {
  expect(hexOf({ token: "t", restoredFrom: "r" })).not.toBe(
    hexOf({ token: "r", restoredFrom: "t" }),
  );
});
