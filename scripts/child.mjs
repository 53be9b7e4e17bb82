// SPDX-License-Identifier: Apache-2.0
/**
 * Running a tool as a child process: signals go on to it, it is waited for, its code is ours.
 *
 * Each child has a process group of its own. A terminal's Ctrl-C would otherwise reach it beside the
 * copy that we pass on, and a program that takes the second one as "now" would not stop cleanly. For
 * the same reason package.json says `exec`: the shell that npm starts would die of the signal, and
 * leave us and our child behind.
 */

import { spawn } from "node:child_process";
import { constants } from "node:os";
import { ROOT } from "./root.mjs";

/** npm passes a Ctrl-C on to us although the terminal has sent it already: within this, one signal. */
const SAME_SIGNAL_MS = 300;

/** @type {readonly NodeJS.Signals[]} */
const PASSED_ON = ["SIGINT", "SIGTERM", "SIGHUP"];

/** @type {NodeJS.Signals | undefined} Once we are told to stop, nothing new is started. */
let stoppedBy;

/** The exit code for having been told to stop, if we have been. */
export function stopCode() {
  return stoppedBy === undefined ? undefined : codeOf(stoppedBy);
}

/**
 * Runs a command on our own stdin, stdout and stderr and waits for its end.
 *
 * @param {string} command
 * @param {readonly string[]} args
 * @param {NodeJS.ProcessEnv} env
 * @param {{readonly stop: "group" | "child"}} options whom a signal stops: by default the whole
 *   group, since package managers and shells do not all pass signals on
 * @returns {Promise<number>} its exit code, 128 + n where signal n ended it
 */
export async function run(command, args, env, options = { stop: "group" }) {
  if (stoppedBy !== undefined) return codeOf(stoppedBy);
  return waitFor(spawnChild(command, args, env, "inherit"), options.stop);
}

/**
 * Runs a command without a terminal and keeps what it prints.
 *
 * @param {string} command
 * @param {readonly string[]} args
 * @param {NodeJS.ProcessEnv} env
 * @param {string} [cwd] where to run it; the root of the workspace by default
 * @returns {Promise<{readonly code: number, readonly output: string}>}
 */
export async function runCaptured(command, args, env, cwd = ROOT) {
  if (stoppedBy !== undefined)
    return { code: codeOf(stoppedBy), output: `stopped by ${stoppedBy}` };
  const child = spawnChild(command, args, env, ["ignore", "pipe", "pipe"], cwd);
  /** @type {Buffer[]} */
  const chunks = [];
  child.stdout?.on("data", (chunk) => chunks.push(chunk));
  child.stderr?.on("data", (chunk) => chunks.push(chunk));
  const code = await waitFor(child, "group");
  return { code, output: Buffer.concat(chunks).toString("utf8") };
}

/**
 * Runs a command that is worth one line while it works, and its whole output when it fails.
 *
 * @param {string} label
 * @param {string} command
 * @param {readonly string[]} args
 * @param {NodeJS.ProcessEnv} env
 */
export async function runQuietly(label, command, args, env) {
  process.stderr.write(`${label}...\n`);
  const { code, output } = await runCaptured(command, args, env);
  if (code !== 0) process.stderr.write(`${output}\n${label} FAILED (code ${code})\n`);
  return code;
}

/**
 * @param {string} command
 * @param {readonly string[]} args
 * @param {NodeJS.ProcessEnv} env
 * @param {import("node:child_process").StdioOptions} stdio
 */
function spawnChild(command, args, env, stdio, cwd = ROOT) {
  return spawn(command, [...args], { cwd, env, stdio, detached: true });
}

/**
 * @param {import("node:child_process").ChildProcess} child
 * @param {"group" | "child"} stop
 * @returns {Promise<number>}
 */
function waitFor(child, stop) {
  return new Promise((resolve) => {
    const passedOnAtMs = new Map();
    /** @type {(signal: NodeJS.Signals) => void} */
    const passOn = (signal) => {
      const nowMs = Date.now();
      if (nowMs - (passedOnAtMs.get(signal) ?? 0) < SAME_SIGNAL_MS) return;
      passedOnAtMs.set(signal, nowMs);
      stoppedBy = signal;
      if (child.pid === undefined || child.exitCode !== null) return;
      process.kill(stop === "group" ? -child.pid : child.pid, signal);
    };
    /** @type {(code: number) => void} */
    const finish = (code) => {
      for (const signal of PASSED_ON) process.off(signal, passOn);
      resolve(code);
    };
    for (const signal of PASSED_ON) process.on(signal, passOn);
    child.on("error", (error) => {
      process.stderr.write(`cannot run ${child.spawnfile}: ${error.message}\n`);
      finish(127);
    });
    child.on("close", (code, signal) => {
      finish(signal === null ? (code ?? 1) : codeOf(signal));
    });
  });
}

/** @param {NodeJS.Signals} signal */
function codeOf(signal) {
  return 128 + constants.signals[signal];
}
