// SPDX-License-Identifier: Apache-2.0
import { expect, test } from "vitest";
import { planRun } from "./run.ts";

const COMMAND = ["worker"];

test("the drain is a second, or a quarter of a short TTL", () => {
  expect(planRun(COMMAND, {})).toMatchObject({ ttlMs: 10_000, drainMs: 1000, graceMs: 0 });
  expect(planRun(COMMAND, { ttl: 2000 })).toMatchObject({ drainMs: 500 });
});

test("a drain of half the TTL is refused with the most that is allowed", () => {
  expect(() => planRun(COMMAND, { ttl: 3000, drain: 1500 })).toThrow(
    "--drain 1500ms is not below half of the TTL, 3s; give at most 1499ms, or a longer --ttl",
  );
  expect(planRun(COMMAND, { ttl: 3000, drain: 1499 })).toMatchObject({ drainMs: 1499 });
});

test("a grace is long enough for the guard to kill, and no longer than the TTL", () => {
  const refusal = "--grace is 100ms to the TTL, 3s, or 0s for off";

  expect(() => planRun(COMMAND, { ttl: 3000, grace: 99 })).toThrow(refusal);
  expect(() => planRun(COMMAND, { ttl: 3000, grace: 3001 })).toThrow(refusal);
  expect(planRun(COMMAND, { ttl: 3000, grace: 100 })).toMatchObject({ graceMs: 100 });
  expect(planRun(COMMAND, { ttl: 3000, grace: 0 })).toMatchObject({ graceMs: 0 });
});

test("two processes that name no candidate never share one", () => {
  expect(planRun(COMMAND, {}).candidate).not.toBe(planRun(COMMAND, {}).candidate);
});
