// SPDX-License-Identifier: Apache-2.0
import { expect, test } from "vitest";
import { type ClusterParts, clusterIdOf } from "./cluster-id.ts";

const hexOf = (parts: Partial<ClusterParts> = {}): string =>
  Buffer.from(clusterIdOf({ members: ["1"], partitionCount: 8, token: "", ...parts })).toString(
    "hex",
  );

test("the id of a cluster never changes from one version to the next", () => {
  // Computed once with sha256sum over the text [["1"],8,""]: data directories in the field hold it.
  expect(hexOf()).toBe("6a89b4229721a501c88ed1d0c8ae601981e94aea45b06586a0b3fabbbc15986c");
});

test("the order in which members are listed does not matter", () => {
  expect(hexOf({ members: ["2=b", "1=a"] })).toBe(hexOf({ members: ["1=a", "2=b"] }));
});

test.each<[string, Partial<ClusterParts>]>([
  ["members", { members: ["2"] }],
  ["partition count", { partitionCount: 9 }],
  ["token", { token: "t" }],
])("another %s is another cluster", (_name, parts) => {
  expect(hexOf(parts)).not.toBe(hexOf());
});

test("members that run together as text are told apart", () => {
  expect(hexOf({ members: ["1,2"] })).not.toBe(hexOf({ members: ["1", "2"] }));
});
