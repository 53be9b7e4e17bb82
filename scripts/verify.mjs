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
import { runSteps } from "./steps.mjs";
import { BUILD } from "./workspace.mjs";

/**
 * @typedef {import("./steps.mjs").Step} Step
 * @typedef {import("./steps.mjs").Outcome} Outcome
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
    const wanted = steps.filter((step) => !except.includes(step.name));
    const failed = await runSteps(wanted, (line) => process.stdout.write(`${line}\n`));
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
    { name: "build", after: [], run: tool("turbo", ...BUILD) },
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
      name: "size",
      after: ["build"],
      told: true,
      run: tool(process.execPath, "scripts/size.mjs"),
    },
    {
      name: "sim",
      after: ["build"],
      alone: true,
      run: tool(process.execPath, "packages/testing/dist/main-sim.js", "check"),
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
