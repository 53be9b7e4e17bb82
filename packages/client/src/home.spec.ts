// SPDX-License-Identifier: Apache-2.0
import { expect, test } from "vitest";
import { homeOf } from "./home.ts";

test.each([
  ["", 2, 1, 3, 1],
  ["a", 2, 0, 3, 1],
  ["e", 2, 0, 3, 2],
  ["test", 7, 5, 16, 5],
  ["mastership", 2, 1, 3, 1],
  ["ñ", 2, 1, 3, 0],
])("the home of %j is where the unmodified Go clients send it", (name, n, homeN, m, homeM) => {
  expect(homeOf(name, n)).toBe(1 + homeN);
  expect(homeOf(name, m)).toBe(1 + homeM);
});
