// SPDX-License-Identifier: Apache-2.0
/**
 * Processes that run worlds, one at a time each: a world has one thread, and the machine more.
 *
 * A process that dies, or takes longer than any world should, costs its run and is replaced.
 */

import { type ChildProcess, fork } from "node:child_process";
import { CRASH, HANG, type Job, type RunReport } from "../sim/job.ts";

/** A world of a minute takes a second or two; one that takes so long goes round in circles. */
const HANG_MS = 120_000;

export interface Pool {
  readonly size: number;
  /** Never rejects: a process that cannot be started or dies is a verdict too. */
  run(job: Job): Promise<RunReport>;
  close(): void;
}

interface Slot {
  child: ChildProcess | undefined;
}

/** @param entry the built file of the process that runs worlds, of this tree or of a copy */
export function createPool(entry: string, size: number, hangMs: number = HANG_MS): Pool {
  const idle: Slot[] = Array.from({ length: size }, () => ({ child: undefined }));
  const all: readonly Slot[] = [...idle];
  const waiting: ((slot: Slot) => void)[] = [];
  const close = (): void => {
    for (const { child } of all) child?.kill("SIGKILL");
    process.off("exit", close);
  };
  process.once("exit", close);

  return {
    size,
    close,
    run: async (job) => {
      const slot = idle.pop() ?? (await new Promise<Slot>((resolve) => waiting.push(resolve)));
      try {
        return await runIn(slot, entry, job, hangMs);
      } finally {
        const next = waiting.shift();
        if (next === undefined) idle.push(slot);
        else next(slot);
      }
    },
  };
}

async function runIn(slot: Slot, entry: string, job: Job, hangMs: number): Promise<RunReport> {
  // Its own words go to our stderr: a process that dies should be heard.
  slot.child ??= fork(entry, [], { serialization: "advanced", stdio: ["ignore", 2, 2, "ipc"] });
  const { child } = slot;
  const startedMs = performance.now();
  const hang = setTimeout(() => child.kill("SIGKILL"), hangMs);
  const report = await new Promise<RunReport | undefined>((resolve) => {
    child.once("message", (message) => resolve(message as RunReport));
    child.once("exit", () => resolve(undefined));
    child.once("error", () => resolve(undefined));
    child.send(job, () => {});
  });
  clearTimeout(hang);
  child.removeAllListeners();
  if (report !== undefined) return report;
  slot.child = undefined;
  return withoutVerdict(job, child, performance.now() - startedMs, hangMs);
}

function withoutVerdict(job: Job, child: ChildProcess, realMs: number, hangMs: number): RunReport {
  const isHang = realMs >= hangMs;
  const end = child.signalCode ?? `code ${child.exitCode}`;
  const message = isHang ? `no end within ${hangMs} ms` : `the process ended with ${end}`;
  return {
    plan: job.kind === "plan" ? job.plan : undefined,
    violation: { rule: isHang ? HANG : CRASH, message },
    atMs: 0,
    simulatedMs: 0,
    realMs,
    trace: [],
    traceHash: "",
    counts: {},
  };
}
