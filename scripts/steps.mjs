// SPDX-License-Identifier: Apache-2.0
/** The steps of a verification in their order: what waits for what, and how much runs at once. */

import { stopCode } from "./child.mjs";

/** More would only take turns on the two cores that CI has, and disturb the tests that measure time. */
const AT_ONCE_MAX = 2;

/**
 * @typedef {{readonly code: number, readonly output: string}} Outcome
 * @typedef {object} Step
 * @property {string} name
 * @property {readonly string[]} after the steps whose result this one uses
 * @property {boolean} [alone] whether nothing else may run meanwhile
 * @property {boolean} [told] whether what it prints is worth a line when all is well, too
 * @property {() => Promise<Outcome>} run
 */

/**
 * Runs each step as soon as those before it are done; one whose predecessor failed fails unrun. Once
 * we are told to stop, what runs is waited for and nothing more is started or reported.
 *
 * @param {readonly Step[]} steps
 * @param {(line: string) => void} report gets a line for each step, with its output if it failed
 * @returns {Promise<readonly string[]>} the names of the steps that failed
 */
export async function runSteps(steps, report) {
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
      const ended = runStep(step, blocker, report).then((ok) => {
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
 * @param {(line: string) => void} report
 */
async function runStep(step, blocker, report) {
  const startedMs = performance.now();
  const { code, output } =
    blocker === undefined
      ? await step.run()
      : { code: 1, output: `not run: ${blocker} failed before it` };
  if (stopCode() !== undefined) return false;
  const seconds = ((performance.now() - startedMs) / 1000).toFixed(1);
  const line = `${step.name.padEnd(16)}${code === 0 ? "ok" : "FAILED"}  ${seconds} s`;
  report(code === 0 && !step.told ? line : `${line}\n${output.trimEnd()}`);
  return code === 0;
}
