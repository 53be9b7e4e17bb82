// SPDX-License-Identifier: Apache-2.0
import { expect, test } from "vitest";
import { createPrng, type Prng } from "./prng.ts";

const draw = (prng: Prng, count: number): number[] =>
  Array.from({ length: count }, () => prng.nextUint32());

test("the sequence of a seed never changes between versions, or old seeds would replay differently", () => {
  expect(draw(createPrng(42n), 4)).toEqual(GOLDEN_42);
});

test("equal seeds give equal sequences and neighbouring seeds do not", () => {
  expect(draw(createPrng(7n), 100)).toEqual(draw(createPrng(7n), 100));
  expect(draw(createPrng(7n), 100)).not.toEqual(draw(createPrng(8n), 100));
});

test("a child's sequence depends on the seed and its name, not on what was drawn before", () => {
  const fresh = createPrng(7n);
  const used = createPrng(7n);
  draw(used, 1000);

  expect(draw(used.child("disk"), 10)).toEqual(draw(fresh.child("disk"), 10));
  expect(draw(fresh.child("net"), 10)).not.toEqual(draw(fresh.child("disk"), 10));
  expect(draw(createPrng(8n).child("disk"), 10)).not.toEqual(draw(fresh.child("disk"), 10));
});

test("every value below a bound comes up about equally often, and none at or above it", () => {
  const prng = createPrng(1n);
  const seen = [0, 0, 0, 0, 0, 0, 0];

  for (let i = 0; i < 70_000; i++) {
    const value = prng.below(7);
    seen[value] = (seen[value] ?? 0) + 1;
  }

  expect(seen).toHaveLength(7);
  for (const count of seen) expect(Math.abs(count - 10_000)).toBeLessThan(500);
});

test("chance is exact at its ends and close between them", () => {
  const prng = createPrng(2n);
  let hits = 0;
  for (let i = 0; i < 30_000; i++) if (prng.chance(1, 3)) hits++;

  expect(prng.chance(0, 5)).toBe(false);
  expect(prng.chance(5, 5)).toBe(true);
  expect(Math.abs(hits - 10_000)).toBeLessThan(500);
});

test("a bound that no 32-bit draw can serve is our own bug", () => {
  expect(() => createPrng(1n).below(0)).toThrow("a bound is 1 to 2^32");
  expect(() => createPrng(1n << 64n)).toThrow("a seed has 64 bits");
});

const GOLDEN_42 = [1849552023, 4223452576, 118919111, 3893884377];
