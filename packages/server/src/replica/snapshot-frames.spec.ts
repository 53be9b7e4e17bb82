// SPDX-License-Identifier: Apache-2.0
import fc from "fast-check";
import { expect, test } from "vitest";
import { frameChunks, splitChunks } from "./snapshot-frames.ts";

const joined = (chunks: Iterable<Uint8Array>): Uint8Array =>
  Uint8Array.from([...chunks].flatMap((chunk) => [...chunk]));

test("chunks come back as they were, empty ones included", () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 300 })), (chunks) => {
      expect(splitChunks(joined(frameChunks(chunks)))).toEqual(chunks);
    }),
    { numRuns: 100, seed: 3 },
  );
});

test("bytes that are cut within a chunk or its length are no snapshot", () => {
  const bytes = joined(frameChunks([Uint8Array.of(1, 2, 3)]));

  for (let length = 1; length < bytes.length; length++) {
    expect(splitChunks(bytes.subarray(0, length))).toBeUndefined();
  }
});
