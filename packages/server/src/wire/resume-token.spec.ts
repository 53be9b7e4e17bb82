// SPDX-License-Identifier: Apache-2.0
import fc from "fast-check";
import { expect, test } from "vitest";
import { decodeResume, encodeResume } from "./resume-token.ts";

const OURS = new Uint8Array(32).fill(1);
const OTHERS = new Uint8Array(32).fill(2);

test("a token comes back as the point that it was made from", () => {
  const points = fc.array(fc.tuple(fc.nat(65_535), fc.bigInt(0n, (1n << 64n) - 1n)), {
    maxLength: 20,
  });
  fc.assert(
    fc.property(points, (entries) => {
      const point = new Map(entries);
      expect(decodeResume(OURS, encodeResume(OURS, point))).toEqual({ kind: "point", point });
    }),
    { numRuns: 500, seed: 5 },
  );
});

test("a token of another cluster is told from one that is none", () => {
  const token = encodeResume(OTHERS, new Map([[1, 7n]]));

  expect(decodeResume(OURS, token)).toEqual({ kind: "other-cluster" });
  expect(decodeResume(OURS, Uint8Array.of())).toEqual({ kind: "malformed" });
  expect(decodeResume(OURS, Uint8Array.of(2, ...token.subarray(1)))).toEqual({ kind: "malformed" });
});

test("a token that is cut off, or any other bytes, is malformed and never throws", () => {
  const token = encodeResume(OURS, new Map([[300, 1n << 40n]]));
  for (let length = 18; length < token.length; length++) {
    expect(decodeResume(OURS, token.subarray(0, length))).toEqual({ kind: "malformed" });
  }
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
      const tail = Uint8Array.of(1, ...OURS.subarray(0, 16), ...bytes);
      expect(["point", "malformed"]).toContain(decodeResume(OURS, tail).kind);
    }),
    { numRuns: 500, seed: 6 },
  );
});

test("the token of a change to one election is short", () => {
  expect(encodeResume(OURS, new Map([[8, 1_000_000n]])).length).toBeLessThanOrEqual(24);
});
