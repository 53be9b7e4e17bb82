// SPDX-License-Identifier: Apache-2.0
import fc from "fast-check";
import { expect, test } from "vitest";
import { formatDuration, parseDuration } from "./duration.ts";

test.each([
  ["500ms", 500],
  ["3s", 3000],
  ["1.5s", 1500],
  ["2m", 120_000],
  ["1h", 3_600_000],
  ["0s", 0],
])("%s is %i ms", (text, ms) => {
  expect(parseDuration(text)).toEqual({ kind: "duration", ms });
});

test.each(["5", "", "s", "-1s", "1 s", "1d", "0.5ms", "1e3ms", "9999999999999h", "3S"])(
  "%j is no duration",
  (text) => {
    expect(parseDuration(text)).toMatchObject({ kind: "malformed" });
  },
);

test("what is written is read back as the same number of milliseconds", () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 90_000_000 }), (ms) => {
      expect(parseDuration(formatDuration(ms))).toEqual({ kind: "duration", ms });
    }),
    { numRuns: 300, seed: 1 },
  );
});

test("the unit is the largest one without a fraction", () => {
  expect(formatDuration(60_000)).toBe("1m");
  expect(formatDuration(90_000)).toBe("90s");
  expect(formatDuration(1500)).toBe("1500ms");
});
