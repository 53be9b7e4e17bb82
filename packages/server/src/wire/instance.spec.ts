// SPDX-License-Identifier: Apache-2.0
import { expect, test } from "vitest";
import { instanceOf } from "./instance.ts";

test("a session is shown as the first 8 bytes of the SHA-256 of its id", () => {
  expect(instanceOf(1n)).toBe("cd2662154e6d76b2");
  expect(instanceOf(2n ** 64n - 1n)).toBe("12a3ae445661ce5d");
});

test("a session is shown in the same way after so many others that it was forgotten", () => {
  const before = [1n, 2n, 3n].map(instanceOf);
  const others = Array.from({ length: 70_000 }, (_, i) => instanceOf(BigInt(i) + 1_000n));
  expect(new Set(others).size).toBe(others.length);
  expect([1n, 2n, 3n].map(instanceOf)).toEqual(before);
});
