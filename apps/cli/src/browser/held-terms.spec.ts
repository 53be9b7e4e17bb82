// SPDX-License-Identifier: Apache-2.0
import { expect, test } from "vitest";
import { brokenRules, type HeldLook } from "./held-terms.ts";

const look = (holder: string, term: bigint, atMs: number): HeldLook => ({ holder, term, atMs });

test("one tab after the other, each under a higher term, breaks nothing", () => {
  const looks = [look("a", 1n, 0), look("a", 1n, 100), look("b", 4n, 100), look("b", 4n, 200)];

  expect(brokenRules(looks)).toEqual([]);
});

test("a look of one tab between two of another is two leaders, whatever order they are told in", () => {
  const looks = [look("b", 2n, 50), look("a", 1n, 0), look("a", 1n, 100)];

  expect(brokenRules(looks)).toEqual([
    "a in term 1 (0 to 100) and b in term 2 (50 to 50) lead at the same time",
  ]);
});

test("two tabs that hold one term at different times break the rule of terms", () => {
  const looks = [look("a", 3n, 0), look("b", 3n, 100)];

  expect(brokenRules(looks)).toEqual([
    "a in term 3 (0 to 0) and b in term 3 (100 to 100): terms do not rise",
  ]);
});

test("a tab that leads again under a lower term breaks the rule of terms", () => {
  const looks = [look("a", 3n, 0), look("a", 2n, 100)];

  expect(brokenRules(looks)).toHaveLength(1);
});
