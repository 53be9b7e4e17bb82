// SPDX-License-Identifier: Apache-2.0
import { createPrng } from "@conclave/base";
import { expect, test } from "vitest";
import { RetryPace } from "./retry-pace.ts";

/** The pauses between so many failures, each of which comes as soon as another try is due. */
function pauses(pace: RetryPace, count: number): readonly number[] {
  let nowMs = 1_000;
  return Array.from({ length: count }, () => {
    const failedMs = nowMs;
    pace.failed(pace.asked, nowMs);
    while (!pace.isDue(nowMs)) nowMs++;
    return nowMs - failedMs;
  });
}

test("the pauses grow from a tick to half a second, each by chance between half and all of it", () => {
  const found = pauses(new RetryPace(createPrng(1n)), 12);

  const longest = [24, 48, 96, 192, 384, 500, 500, 500, 500, 500, 500, 500];
  for (const [i, pause] of found.entries()) {
    expect(pause).toBeGreaterThanOrEqual(longest[i]! / 2);
    expect(pause).toBeLessThanOrEqual(longest[i]!);
  }
  expect(new Set(found.slice(5)).size).toBeGreaterThan(3);
});

test("another one is asked at once, and what the one before refuses then makes nobody wait", () => {
  const pace = new RetryPace(createPrng(1n));
  const { asked } = pace;
  pace.failed(asked, 0);

  pace.another();
  pace.failed(asked, 0);

  expect(pace.isDue(0)).toBe(true);
});

test("what fails in a pause does not make it longer", () => {
  const [once, often] = [new RetryPace(createPrng(1n)), new RetryPace(createPrng(1n))];
  once.failed(once.asked, 0);

  for (let i = 0; i < 10; i++) often.failed(often.asked, 0);

  for (let ms = 0; ms < 100; ms++) expect(often.isDue(ms)).toBe(once.isDue(ms));
});
