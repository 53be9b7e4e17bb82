// SPDX-License-Identifier: Apache-2.0
/**
 * `check`: what continuous integration asks. Each mutant still applies, past failures hold, so do seeds that
 * follow from the commit's id, and a seed that is run a second time leaves the same trace.
 */

import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Job } from "../sim/job.ts";
import { decodeReplayFile } from "../sim/replay-file.ts";
import { seedsOfCommit } from "../sim/seeds.ts";
import { mutantsThatDoNotApply } from "./mutants.ts";
import { commitId, SEEDS } from "./place.ts";
import type { Pool } from "./pool.ts";
import { sweepAndTell } from "./run-sweep.ts";

const SEEDS_OF_COMMIT = 200;
/** Of those, so many are run a second time, in another process and after other worlds. */
const RUN_TWICE = 20;

export async function check(pool: Pool): Promise<number> {
  const stale = await mutantsThatDoNotApply();
  for (const { name, reason } of stale) print(`mutant ${name} does not apply: ${reason}`);

  const kept = await sweepAndTell(pool, "past failures", await keptJobs());

  const commit = commitId();
  print(`seeds of commit ${commit}`);
  const jobs = seedsOfCommit(commit, SEEDS_OF_COMMIT).map((seed): Job => ({ kind: "seed", seed }));
  const traces = new Map<Job, string>();
  const fresh = await sweepAndTell(pool, "seeds of the commit", jobs, undefined, (job, report) => {
    traces.set(job, report.traceHash);
  });

  const differing = await differingSeeds(pool, jobs.slice(0, RUN_TWICE), traces);
  for (const seed of differing) print(`seed ${seed} left another trace when it was run again`);
  print(`${RUN_TWICE - differing.length} of ${RUN_TWICE} seeds left the same trace twice`);
  return stale.length + differing.length + kept + fresh === 0 ? 0 : 1;
}

async function keptJobs(): Promise<readonly Job[]> {
  const names = (await readdir(SEEDS)).filter((name) => name.endsWith(".json")).sort();
  return Promise.all(
    names.map(async (name): Promise<Job> => {
      const { seed, plan } = decodeReplayFile(await readFile(join(SEEDS, name), "utf8"));
      return plan === undefined ? { kind: "seed", seed } : { kind: "plan", plan };
    }),
  );
}

/** In the opposite order, so that what one world leaves behind in a process meets another one. */
async function differingSeeds(
  pool: Pool,
  jobs: readonly Job[],
  traces: ReadonlyMap<Job, string>,
): Promise<readonly bigint[]> {
  const again = await Promise.all(
    jobs.toReversed().map(async (job) => ({ job, report: await pool.run(job) })),
  );
  // A job of which a failure kept us has no trace to compare.
  return again
    .filter(({ job, report }) => (traces.get(job) ?? report.traceHash) !== report.traceHash)
    .map(({ job }) => (job.kind === "seed" ? job.seed : job.plan.seed));
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
