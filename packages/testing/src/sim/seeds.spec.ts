// SPDX-License-Identifier: Apache-2.0
/** Which seeds a run takes. */

import { expect, test } from "vitest";
import { seedsFrom, seedsOfCommit } from "./seeds.ts";

test("seeds in a row begin again at 0 after the largest", () => {
  expect(seedsFrom((1n << 64n) - 1n, 3)).toEqual([(1n << 64n) - 1n, 0n, 1n]);
});

test("a commit always has the same seeds, and another commit has others", () => {
  const seeds = seedsOfCommit("9b61051", 200);

  expect(seedsOfCommit("9b61051", 200)).toEqual(seeds);
  expect(seedsOfCommit("9b61052", 200).filter((seed) => seeds.includes(seed))).toEqual([]);
  expect(new Set(seeds).size).toBe(200);
});
