// SPDX-License-Identifier: Apache-2.0
/** `sweep`: many seeds in a row, up to the first that breaks a rule. */

import type { Job, RunReport } from "../sim/job.ts";
import { seedsFrom } from "../sim/seeds.ts";
import { type SweepResult, sweep } from "../sim/sweep.ts";
import { tellFailure } from "./failure.ts";
import type { Pool } from "./pool.ts";

const SHRINK_MS = 120_000;

export interface SweepSize {
  readonly first: bigint;
  readonly count: number;
  /** Undefined: until all are done. */
  readonly minutes: number | undefined;
}

export async function runSweep(pool: Pool, size: SweepSize): Promise<number> {
  const untilMs = performance.now() + (size.minutes ?? Number.POSITIVE_INFINITY) * 60_000;
  const jobs = seedsFrom(size.first, size.count).map((seed): Job => ({ kind: "seed", seed }));
  return sweepAndTell(pool, "seeds", jobs, () => performance.now() >= untilMs);
}

/** Runs the jobs and prints how many held and how fast, or the first failure; the exit code. */
export async function sweepAndTell(
  pool: Pool,
  what: string,
  jobs: readonly Job[],
  isSpent: () => boolean = () => false,
  onReport: (job: Job, report: RunReport) => void = () => {},
): Promise<number> {
  const startedMs = performance.now();
  const result = await sweep({ jobs, run: pool.run, atOnce: pool.size, isSpent, onReport });
  process.stdout.write(`${summaryOf(what, jobs.length, result, performance.now() - startedMs)}\n`);
  if (result.failure === undefined) return 0;
  await tellFailure(pool, result.failure.report, SHRINK_MS);
  return 1;
}

function summaryOf(
  what: string,
  total: number,
  { runs, simulatedMs, failure }: SweepResult<Job>,
  realMs: number,
): string {
  const held = failure === undefined ? runs : failure.index;
  const speed = realMs > 0 ? Math.round(simulatedMs / realMs) : 0;
  const seconds = `${Math.round(simulatedMs / 1_000)} simulated s in ${(realMs / 1_000).toFixed(1)} s`;
  return `${held} of ${total} ${what} held; ${seconds}, ${speed} simulated s per s`;
}
