// SPDX-License-Identifier: Apache-2.0
/** Many runs up to the first that fails. */

import { expect, test } from "vitest";
import type { RunReport } from "./job.ts";
import { sweep } from "./sweep.ts";

const HELD: RunReport = {
  plan: undefined,
  violation: undefined,
  atMs: 0,
  simulatedMs: 10_000,
  realMs: 100,
  trace: [],
  traceHash: "",
  counts: {},
};
const BROKEN: RunReport = { ...HELD, violation: { rule: "O1", message: "two leaders" } };
const upTo = (size: number): number[] => Array.from({ length: size }, (_, i) => i);
const never = (): boolean => false;

test("without a failure each job is run once, and simulated time is summed up", async () => {
  const ran: number[] = [];

  const result = await sweep({
    jobs: upTo(5),
    atOnce: 2,
    isSpent: never,
    run: async (job) => {
      ran.push(job);
      return HELD;
    },
  });

  expect(ran).toEqual([0, 1, 2, 3, 4]);
  expect(result).toEqual({ runs: 5, simulatedMs: 50_000, failure: undefined });
});

test("of two failures the earlier job is told, though the later one was done first", async () => {
  const result = await sweep({
    jobs: upTo(100),
    atOnce: 2,
    isSpent: never,
    run: async (job) => {
      if (job === 6) for (let turn = 0; turn < 20; turn++) await Promise.resolve();
      return job >= 6 ? BROKEN : HELD;
    },
  });

  expect(result.failure?.job).toBe(6);
  expect(result.runs).toBe(8);
});

test("once the time is spent nothing more is begun", async () => {
  let runs = 0;

  const result = await sweep({
    jobs: upTo(100),
    atOnce: 1,
    isSpent: () => runs === 3,
    run: async () => {
      runs += 1;
      return HELD;
    },
  });

  expect(result.runs).toBe(3);
});
