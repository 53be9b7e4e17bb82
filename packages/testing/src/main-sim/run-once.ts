// SPDX-License-Identifier: Apache-2.0
/** `--seed N` and `replay FILE`: one run, and its trace where it is wanted. */

import { readFile, writeFile } from "node:fs/promises";
import type { Job } from "../sim/job.ts";
import { decodeReplayFile } from "../sim/replay-file.ts";
import { tellFailure } from "./failure.ts";
import type { Pool } from "./pool.ts";

const SHRINK_MS = 60_000;

/** Runs a seed with what it draws; the exit code. */
export async function runSeedOnce(
  pool: Pool,
  seed: bigint,
  traceFile: string | undefined,
): Promise<number> {
  return runOnce(pool, { kind: "seed", seed }, traceFile, SHRINK_MS);
}

/** Runs what a file holds, as it stands: nothing is left out any more. */
export async function replay(
  pool: Pool,
  file: string,
  traceFile: string | undefined,
): Promise<number> {
  const { seed, plan } = decodeReplayFile(await readFile(file, "utf8"));
  const job: Job = plan === undefined ? { kind: "seed", seed } : { kind: "plan", plan };
  return runOnce(pool, job, traceFile, 0);
}

async function runOnce(
  pool: Pool,
  job: Job,
  traceFile: string | undefined,
  shrinkMs: number,
): Promise<number> {
  const report = await pool.run({ ...job, isTraced: true });
  if (traceFile !== undefined) await writeFile(traceFile, `${report.trace.join("\n")}\n`);
  if (report.violation !== undefined) {
    await tellFailure(pool, report, shrinkMs);
    return 1;
  }
  const counts = Object.entries(report.counts).map(([name, count]) => `${name} ${count}`);
  const seconds = (report.simulatedMs / 1_000).toFixed(1);
  process.stdout.write(`held for ${seconds} simulated s: ${counts.join(", ")}\n`);
  process.stdout.write(`trace of ${report.trace.length} lines, SHA-256 ${report.traceHash}\n`);
  return 0;
}
