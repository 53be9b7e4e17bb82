// SPDX-License-Identifier: Apache-2.0
/**
 * `npm run verify`: everything that must hold before a change is merged.
 *
 * It never writes to a tracked file; `npm run fix` does. A tool that is missing is a failure, and no
 * step is ever skipped by itself: `--except=tests` leaves one out where it is run beside, as in CI.
 */

import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { runCaptured, stopCode } from "./child.mjs";
import { generatedCodeDiffers } from "./generated.mjs";
import { withScratchFolder } from "./scratch.mjs";

/** More would only take turns on the two cores that CI has, and disturb the tests that measure time. */
const AT_ONCE_MAX = 2;

/**
 * @typedef {{readonly code: number, readonly output: string}} Outcome
 * @typedef {object} Step
 * @property {string} name
 * @property {readonly string[]} after the steps whose result this one uses
 * @property {boolean} [alone] whether nothing else may run meanwhile
 * @property {() => Promise<Outcome>} run
 */

/**
 * Runs every step and prints one line for each, and what a step printed only where it failed.
 *
 * @param {NodeJS.ProcessEnv} env
 * @param {readonly string[]} args `--except=NAME,NAME` leaves steps out
 * @returns {Promise<number>} 0 if all steps passed
 */
export async function verify(env, args) {
  return withScratchFolder(async (folder) => {
    // Under CI no tool writes: vitest refuses to record a snapshot that is not there yet.
    const steps = stepsIn(folder, { ...env, CI: "true" });
    const except = exceptionsIn(args);
    const unknown = except.filter((name) => !steps.some((step) => step.name === name));
    if (unknown.length > 0) {
      process.stderr.write(`no such step: ${unknown.join(", ")}\n`);
      return 2;
    }
    const failed = await runSteps(steps.filter((step) => !except.includes(step.name)));
    const stopped = stopCode();
    if (stopped !== undefined) return stopped;
    process.stdout.write(failed.length === 0 ? "verified\n" : `FAILED: ${failed.join(", ")}\n`);
    return failed.length === 0 ? 0 : 1;
  });
}

/** @param {readonly string[]} args */
function exceptionsIn(args) {
  const option = "--except=";
  return args
    .filter((arg) => arg.startsWith(option))
    .flatMap((arg) => arg.slice(option.length).split(","));
}

/**
 * @param {string} folder scratch space of this run
 * @param {NodeJS.ProcessEnv} env
 * @returns {readonly Step[]}
 */
function stepsIn(folder, env) {
  const packed = join(folder, "packed");
  /** @type {(command: string, ...args: string[]) => () => Promise<Outcome>} */
  const tool =
    (command, ...args) =>
    () =>
      runCaptured(command, args, env);
  /** @type {(command: string, ...args: string[]) => () => Promise<Outcome>} */
  const eachTarball =
    (command, ...args) =>
    async () => {
      const tarballs = await readdir(packed);
      const outcomes = [];
      for (const name of tarballs) {
        outcomes.push(await runCaptured(command, [...args, join(packed, name)], env));
      }
      return worstOf(outcomes);
    };
  const image = "packages/api/testdata/base.binpb";
  return [
    { name: "build", after: [], run: tool("turbo", "run", "build", "--output-logs=errors-only") },
    { name: "lint", after: [], run: tool("biome", "ci", "--colors=off", "--error-on-warnings") },
    { name: "spec-types", after: [], run: tool("tsc", "-p", "tsconfig.test.json") },
    { name: "script-types", after: [], run: tool("tsc", "-p", "scripts/tsconfig.json") },
    // Without isolation the compiler, which every rule needs, is loaded once instead of per file.
    { name: "tidy", after: [], run: tool("vitest", "run", "--no-isolate", "tools/tidy") },
    { name: "knip", after: ["build"], run: tool("knip", "--no-progress") },
    { name: "proto-lint", after: [], run: tool("buf", "lint") },
    { name: "proto-format", after: [], run: tool("buf", "format", "-d", "--exit-code") },
    { name: "proto-breaking", after: [], run: tool("buf", "breaking", "--against", image) },
    { name: "generated", after: [], run: () => generatedCodeDiffers(join(folder, "gen"), env) },
    {
      name: "pack",
      after: ["build"],
      run: tool(process.execPath, "tools/smoke/pack.mjs", packed),
    },
    { name: "publint", after: ["pack"], run: eachTarball("publint", "run", "--strict") },
    {
      name: "attw",
      after: ["pack"],
      run: eachTarball("attw", "--no-emoji", "--profile", "esm-only"),
    },
    {
      name: "smoke",
      after: ["pack"],
      run: tool(process.execPath, "tools/smoke/smoke.mjs", packed),
    },
    {
      name: "tests",
      after: ["build"],
      alone: true,
      run: tool("vitest", "run", "--exclude=tools/tidy/**"),
    },
  ];
}

/**
 * @param {readonly Outcome[]} outcomes
 * @returns {Outcome}
 */
function worstOf(outcomes) {
  const failed = outcomes.filter((outcome) => outcome.code !== 0);
  if (outcomes.length === 0) return { code: 1, output: "there is nothing to check" };
  return { code: failed[0]?.code ?? 0, output: failed.map((outcome) => outcome.output).join("\n") };
}

/**
 * Runs each step as soon as those before it are done; one whose predecessor failed fails unrun.
 *
 * @param {readonly Step[]} steps
 * @returns {Promise<readonly string[]>} the names of the steps that failed
 */
async function runSteps(steps) {
  const waiting = new Set(steps);
  /** @type {Map<Step, Promise<void>>} */
  const running = new Map();
  /** @type {string[]} */
  const failed = [];
  while (waiting.size + running.size > 0) {
    if (stopCode() !== undefined) waiting.clear();
    for (const step of waiting) {
      if (!mayStart(step, waiting, running)) continue;
      waiting.delete(step);
      const blocker = step.after.find((name) => failed.includes(name));
      const ended = report(step, blocker).then((ok) => {
        running.delete(step);
        if (!ok) failed.push(step.name);
      });
      running.set(step, ended);
    }
    await Promise.race(running.values());
  }
  return failed;
}

/**
 * @param {Step} step
 * @param {ReadonlySet<Step>} waiting
 * @param {ReadonlyMap<Step, unknown>} running
 */
function mayStart(step, waiting, running) {
  const unfinished = [...waiting, ...running.keys()];
  if (unfinished.some((other) => step.after.includes(other.name))) return false;
  if (step.alone) return running.size === 0;
  if ([...running.keys()].some((other) => other.alone)) return false;
  return running.size < AT_ONCE_MAX;
}

/**
 * @param {Step} step
 * @param {string | undefined} blocker the step that this one needed and that failed
 */
async function report(step, blocker) {
  const startedMs = performance.now();
  const { code, output } =
    blocker === undefined
      ? await step.run()
      : { code: 1, output: `not run: ${blocker} failed before it` };
  if (stopCode() !== undefined) return false;
  const seconds = ((performance.now() - startedMs) / 1000).toFixed(1);
  const line = `${step.name.padEnd(16)}${code === 0 ? "ok" : "FAILED"}  ${seconds} s\n`;
  process.stdout.write(code === 0 ? line : `${line}${output.trimEnd()}\n`);
  return code === 0;
}
