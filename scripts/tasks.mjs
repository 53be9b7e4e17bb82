// SPDX-License-Identifier: Apache-2.0
/**
 * What each command of the workspace does, in terms of the tools it runs.
 *
 * Every task installs and builds first where that is needed, and answers with an exit code; none
 * prints what a tool said unless the tool failed or its output is what was asked for.
 */

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { run, runQuietly } from "./child.mjs";
import { ROOT } from "./root.mjs";
import { withScratchFolder } from "./scratch.mjs";
import { verify } from "./verify.mjs";
import { BUILD, installIfStale, toolEnvironment } from "./workspace.mjs";

/** @typedef {NodeJS.ProcessEnv} Environment */

/** @type {Readonly<Record<string, (env: Environment, args: readonly string[]) => Promise<number>>>} */
const TASKS = { start, test, verify, fix, generate, golden, bench, sim, chaos };

/**
 * Runs one task by name.
 *
 * @param {string} name
 * @param {readonly string[]} args what follows the task's name on the command line
 * @returns {Promise<number>} the exit code for the shell
 */
export async function runTask(name, args) {
  const task = Object.hasOwn(TASKS, name) ? TASKS[name] : undefined;
  if (task === undefined) {
    process.stderr.write(`usage: node scripts/dev.mjs ${Object.keys(TASKS).join("|")}\n`);
    return 2;
  }
  const env = await toolEnvironment();
  if (env === undefined) return 1;
  const installed = await installIfStale(env);
  return installed === 0 ? task(env, args) : installed;
}

/** @param {Environment} env */
async function build(env) {
  return runQuietly("building", "turbo", BUILD, env);
}

/** @type {typeof TASKS["start"]} */
async function start(env, args) {
  const built = await build(env);
  if (built !== 0) return built;
  const command = ["apps/cli/bin/conclave.js", "dev", ...args];
  // Only the command itself is told to stop: it stops its servers in its own order.
  return run(process.execPath, command, env, { stop: "child" });
}

/** @type {typeof TASKS["test"]} */
async function test(env, args) {
  const built = await build(env);
  if (built !== 0) return built;
  return withScratchFolder(async (folder) => {
    const countFile = join(folder, "count.json");
    const vitest = ["run", "--reporter=default", "--reporter=./scripts/test-count.mjs", ...args];
    const code = await run("vitest", vitest, { ...env, CONCLAVE_TEST_COUNT: countFile });
    const count = await readFile(countFile, "utf8").catch(() => undefined);
    if (count === undefined) {
      process.stderr.write(`vitest ended with code ${code} before it had counted its tests\n`);
      return code === 0 ? 1 : code;
    }
    process.stdout.write(`${countLine(JSON.parse(count))}\n`);
    return code;
  });
}

/** @param {{passed: number, failed: number, skipped: number}} count */
function countLine({ passed, failed, skipped }) {
  const line = `${passed} passed, ${failed} failed`;
  return skipped > 0 ? `${line}, ${skipped} skipped` : line;
}

/** @type {typeof TASKS["fix"]} */
async function fix(env) {
  // Only tidy is built: what is to be put right must not have to compile first.
  const steps = [
    ["formatting protos", "buf", ["format", "-w"]],
    ["generating", "buf", ["generate"]],
    ["formatting and linting", "biome", ["check", "--write"]],
    ["building tidy", "tsc", ["-b", "tools/tidy"]],
    ["lowering the ratchet", process.execPath, ["tools/tidy/dist/lower-ratchet.js", ROOT]],
  ];
  // One failure must not hide what the other steps would have put right.
  let worst = 0;
  for (const [label, command, args] of /** @type {[string, string, string[]][]} */ (steps)) {
    worst = Math.max(worst, await runQuietly(label, command, args, env));
  }
  return worst;
}

/** @type {typeof TASKS["generate"]} */
async function generate(env) {
  return runQuietly("generating", "buf", ["generate"], env);
}

/**
 * The scenarios of the algorithm; with `--rewrite` their traces become what happens now.
 *
 * @type {typeof TASKS["golden"]}
 */
async function golden(env, args) {
  const others = args.filter((arg) => arg !== "--rewrite");
  const rewrite = others.length < args.length ? { CONCLAVE_GOLDEN: "rewrite" } : {};
  const vitest = ["run", "packages/raft/src/golden/golden.spec.ts", ...others];
  return run("vitest", vitest, { ...env, ...rewrite });
}

/** @type {typeof TASKS["bench"]} */
async function bench(env, args) {
  const built = await build(env);
  if (built !== 0) return built;
  return run("pnpm", ["--filter", "@conclave/bench", "start", ...args], env);
}

/** @type {typeof TASKS["sim"]} */
async function sim(env, args) {
  const built = await build(env);
  if (built !== 0) return built;
  return run(process.execPath, ["packages/testing/dist/main-sim.js", ...args], env);
}

/** @type {typeof TASKS["chaos"]} */
async function chaos(env, args) {
  const built = await build(env);
  if (built !== 0) return built;
  // Its servers end with it, and it with Ctrl-C.
  return run(process.execPath, ["packages/testing/dist/main-chaos.js", ...args], env);
}
