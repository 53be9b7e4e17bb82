// SPDX-License-Identifier: Apache-2.0
/** What is told of a run that broke a rule: as short as it could be made, and how to see it again. */

import { mkdir, writeFile } from "node:fs/promises";
import { join, relative } from "node:path";
import type { Plan } from "../run/plan.ts";
import { CRASH, HANG, type RunReport } from "../sim/job.ts";
import { encodeReplayFile } from "../sim/replay-file.ts";
import { shrink } from "../sim/shrink.ts";
import { commitId, FAILURES, WORKSPACE } from "./place.ts";
import type { Pool } from "./pool.ts";

/** Of the shortest trace, the end is printed and the whole is in a file. */
const PRINTED_LINES = 40;
/** A history that cannot be explained is explained at length; the replay file has it all. */
const MESSAGE_LINES = 12;

/**
 * Shrinks the schedule of faults, writes a replay file and the shortest trace, and prints both.
 *
 * @param shrinkMs how long shorter schedules are tried for
 */
export async function tellFailure(pool: Pool, found: RunReport, shrinkMs: number): Promise<void> {
  const { plan, violation } = found;
  if (plan === undefined || violation === undefined) {
    print(`FAILED ${violation?.rule ?? ""}: ${violation?.message ?? ""}, before its plan was told`);
    return;
  }
  const shortest = await shortestOf(pool, { plan, rule: violation.rule, found }, shrinkMs);
  const name = `seed-${plan.seed}`;
  await mkdir(FAILURES, { recursive: true });
  const replayFile = join(FAILURES, `${name}.json`);
  const traceFile = join(FAILURES, `${name}.trace`);
  const { rule, message } = shortest.violation ?? violation;
  const text = encodeReplayFile({
    ...{ seed: plan.seed, plan: shortest.plan, rule, message, found: commitId() },
    ...{ fixed: undefined, note: undefined },
  });
  await writeFile(replayFile, text);
  await writeFile(traceFile, `${shortest.trace.join("\n")}\n`);
  const fromRoot = (file: string): string => relative(WORKSPACE, file);
  const left = shortest.plan?.faults.length ?? plan.faults.length;
  for (const line of shortest.trace.slice(-PRINTED_LINES)) print(`  ${line}`);
  print(`trace: ${shortest.trace.length} lines, all in ${fromRoot(traceFile)}`);
  print(`faults: ${plan.faults.length}, and ${left} of them suffice`);
  print(`seed ${plan.seed} of commit ${commitId()} breaks ${rule} at ${shortest.atMs} ms:`);
  for (const line of message.split("\n").slice(0, MESSAGE_LINES)) print(`  ${line}`);
  print(`again: npm run sim -- replay ${fromRoot(replayFile)}`);
}

interface Found {
  readonly plan: Plan;
  readonly rule: string;
  readonly found: RunReport;
}

async function shortestOf(
  pool: Pool,
  { plan, rule, found }: Found,
  shrinkMs: number,
): Promise<RunReport> {
  let shortest = found;
  // A hang takes minutes for each attempt, and a crash left no trace to compare.
  if (rule === HANG || rule === CRASH) return shortest;
  const untilMs = performance.now() + shrinkMs;
  await shrink(
    plan.faults,
    async (faults) => {
      const report = await pool.run({ kind: "plan", plan: { ...plan, faults } });
      // Another rule that breaks is another failure.
      if (report.violation?.rule !== rule) return false;
      shortest = report;
      return true;
    },
    () => performance.now() >= untilMs,
  );
  return shortest;
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
