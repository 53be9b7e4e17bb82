// SPDX-License-Identifier: Apache-2.0
import { expect, test } from "vitest";
import { fnv1a32, homeOf } from "./routing.ts";

// The vectors of the Go clients (semantics part 5): name, hash, hash mod 2, hash mod 3.
const VECTORS: readonly (readonly [string, number, number, number])[] = [
  ["", 2166136261, 1, 1],
  ["a", 3826002220, 0, 1],
  ["e", 3758891744, 0, 2],
  ["test", 2949673445, 1, 2],
  ["my-election", 2757986509, 1, 1],
  ["mastership", 4091169481, 1, 1],
  ["ñ", 111002361, 1, 0],
];

test.each(VECTORS)("the name %j hashes as the Go clients hash it", (name, hash, mod2, mod3) => {
  expect(fnv1a32(name)).toBe(hash);
  expect(homeOf(name, 2)).toBe(1 + mod2);
  expect(homeOf(name, 3)).toBe(1 + mod3);
});

test("the home of a name is among partitions 1 to N for other counts too", () => {
  expect(homeOf("test", 7)).toBe(1 + 5);
  expect(homeOf("test", 16)).toBe(1 + 5);
  expect(homeOf("test", 1)).toBe(1);
});

test("a name is hashed by its bytes also when only its end is not ASCII", () => {
  expect(fnv1a32("leader-ñ")).toBe(fnv1a32BytewiseTwin("leader-ñ"));
  expect(fnv1a32("😀-leader")).toBe(fnv1a32BytewiseTwin("😀-leader"));
});

function fnv1a32BytewiseTwin(text: string): number {
  let hash = 2166136261n;
  for (const byte of new TextEncoder().encode(text)) {
    hash = ((hash ^ BigInt(byte)) * 16777619n) & 0xffffffffn;
  }
  return Number(hash);
}
