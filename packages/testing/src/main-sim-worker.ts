// SPDX-License-Identifier: Apache-2.0
/**
 * A process that runs one world after the other for the command line. The traps come first, so
 * everything of the world is imported after them, and nothing here but types before.
 */

import { createHash } from "node:crypto";
import { trapEntropy } from "./main-sim/entropy.ts";
import type { Machine } from "./run/outcome.ts";
import type { Job, RunReport } from "./sim/job.ts";

const entropy = trapEntropy();
const { drawPlan } = await import("./run/draw-plan.ts");
const { runPlan } = await import("./run/run-plan.ts");

const machine: Machine = {
  drain: entropy.turn,
  onUncaught: (handle) => {
    process.on("unhandledRejection", handle);
    process.on("uncaughtException", handle);
    return () => {
      process.off("unhandledRejection", handle);
      process.off("uncaughtException", handle);
    };
  },
};

// Whoever asked is gone.
process.on("disconnect", () => process.exit(0));
process.on("message", (job: Job) => {
  void answer(job).then((report) => process.send?.(report));
});

async function answer(job: Job): Promise<RunReport> {
  const plan = job.kind === "plan" ? job.plan : drawPlan(job.seed);
  const startedMs = performance.now();
  const outcome = await entropy
    .shutOut(() => runPlan(plan, machine))
    .catch((error: unknown) => ({
      violation: { rule: "crash", message: error instanceof Error ? error.message : String(error) },
      atMs: 0,
      simulatedMs: 0,
      trace: [],
      counts: {},
    }));
  const { violation, atMs, simulatedMs, counts } = outcome;
  const realMs = performance.now() - startedMs;
  const traceHash = createHash("sha256").update(outcome.trace.join("\n")).digest("hex");
  const trace = violation !== undefined || job.isTraced ? outcome.trace : [];
  return { plan, violation, atMs, simulatedMs, realMs, trace, traceHash, counts };
}
