// SPDX-License-Identifier: Apache-2.0
/**
 * Real processes for end-to-end specs: started, waited for by condition, and ended by their own ids.
 *
 * Used by specs only. Every wait has one bound and fails with what was seen until then.
 */

import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";

const PROGRAM = fileURLToPath(new URL("../../bin/conclave.js", import.meta.url));
const BOUND_MS = 30_000;
const CHECK_MS = 20;

export interface Running {
  readonly pid: number;
  /** Everything printed so far. */
  readonly stdout: () => string;
  readonly stderr: () => string;
  readonly lines: () => readonly string[];
  kill(signal: NodeJS.Signals): void;
  /** The exit code, 128 + n style codes left to the process itself; null when a signal ended it. */
  readonly exited: Promise<number | null>;
}

export interface Processes extends AsyncDisposable {
  /** Starts `conclave` with these arguments. */
  conclave(args: readonly string[], env?: Readonly<Record<string, string>>): Running;
  /** Starts any program of Node's. */
  node(args: readonly string[]): Running;
  /** Starts any program; what it reads on stdin does not end before the scope does. */
  run(program: string, args: readonly string[]): Running;
  /** Starts `conclave` by way of another program, which is given its command line at the end of its own. */
  conclaveBy(program: string, before: readonly string[], args: readonly string[]): Running;
}

/** Processes that end, at the latest, with the scope that they are used in. */
export function createProcesses(cwd: string): Processes {
  const started: ChildProcess[] = [];
  const start = (
    args: readonly string[],
    env: Readonly<Record<string, string>>,
    program: string = process.execPath,
    stdin: "ignore" | "pipe" = "ignore",
  ): Running => {
    const child = spawn(program, [...args], {
      cwd,
      env: { ...process.env, ...env },
      stdio: [stdin, "pipe", "pipe"],
    });
    started.push(child);
    return follow(child);
  };
  return {
    conclave: (args, env = {}) => start([PROGRAM, ...args], env),
    node: (args) => start(args, {}),
    run: (program, args) => start(args, {}, program, "pipe"),
    conclaveBy: (program, before, args) =>
      start([...before, process.execPath, PROGRAM, ...args], {}, program),
    async [Symbol.asyncDispose]() {
      for (const child of started) {
        if (child.exitCode !== null || child.signalCode !== null) continue;
        child.kill("SIGCONT");
        child.kill("SIGKILL");
        await new Promise((resolve) => child.once("exit", resolve));
      }
    },
  };
}

function follow(child: ChildProcess): Running {
  let stdout = "";
  let stderr = "";
  child.stdout?.on("data", (piece) => {
    stdout += String(piece);
  });
  child.stderr?.on("data", (piece) => {
    stderr += String(piece);
  });
  return {
    pid: child.pid ?? -1,
    stdout: () => stdout,
    stderr: () => stderr,
    lines: () => stdout.split("\n").slice(0, -1),
    kill: (signal) => child.kill(signal),
    exited: new Promise((resolve) => child.once("exit", (code) => resolve(code))),
  };
}

/** What was looked for, or that it is not there yet. */
type Look<T> = T | undefined | false;

/** Waits until `look` gives something other than undefined or false. */
export async function eventually<T>(
  what: string,
  look: () => Look<T> | Promise<Look<T>>,
  context: () => string = () => "",
): Promise<T> {
  const endMs = performance.now() + BOUND_MS;
  while (performance.now() < endMs) {
    const seen = await look();
    if (seen !== undefined && seen !== false) return seen;
    await delay(CHECK_MS);
  }
  throw new Error(`not within ${BOUND_MS} ms: ${what}\n${context()}`);
}

/** Whether a process can still act: the dead that nobody has collected cannot. */
export function isRunning(pid: number): boolean {
  return stateOf(pid) !== undefined && stateOf(pid) !== "Z";
}

/** The ids of a process's children. */
export function childrenOf(pid: number): readonly number[] {
  const text = readProc(`/proc/${pid}/task/${pid}/children`) ?? "";
  return text
    .split(" ")
    .filter((word) => word !== "")
    .map(Number);
}

function stateOf(pid: number): string | undefined {
  const stat = readProc(`/proc/${pid}/stat`);
  return stat?.slice(stat.lastIndexOf(")") + 2, stat.lastIndexOf(")") + 3);
}

function readProc(path: string): string | undefined {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return undefined;
  }
}
