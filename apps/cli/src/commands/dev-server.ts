// SPDX-License-Identifier: Apache-2.0
/** One of the servers that `dev` runs: how it is started, and what became of it. */

import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { CliContext } from "../cli-context.ts";
import { EXIT, signalExitCode } from "../exit-code.ts";

const PROGRAM = fileURLToPath(new URL("../../bin/conclave.js", import.meta.url));

export interface DevServer {
  readonly node: number;
  readonly pid: number;
  /** What starts it again by hand, without the program's name. */
  readonly args: readonly string[];
  /** Its URL once its port is open; undefined if it ended before. */
  readonly ready: Promise<string | undefined>;
  readonly ended: Promise<Ending>;
  kill(signal: NodeJS.Signals): void;
}

/** How a process ended; the code is 128 + n where signal n ended it. */
export interface Ending {
  readonly code: number;
  readonly signal: NodeJS.Signals | null;
}

/** Starts `conclave server` with these options and forwards what it prints. */
export function startDevServer(
  node: number,
  options: readonly string[],
  context: CliContext,
): DevServer {
  const args = ["server", ...options];
  // In a group of its own, or a Ctrl-C would reach it twice: from the terminal and from us, and the
  // second one means "at once".
  const child = spawn(process.execPath, [PROGRAM, ...args], {
    cwd: context.cwd,
    // What a newcomer reads is below; the variable brings the rest back.
    env: { CONCLAVE_SERVER_LOG_LEVEL: "warn", ...context.env },
    detached: true,
    stdio: ["ignore", "pipe", "inherit"],
  });
  return {
    node,
    pid: child.pid ?? -1,
    args,
    ready: forwardLines(child, context),
    ended: endOf(child),
    kill: (signal) => child.kill(signal),
  };
}

async function forwardLines(child: ChildProcess, context: CliContext): Promise<string | undefined> {
  const { stdout } = child;
  if (stdout === null) return undefined;
  return new Promise((resolve) => {
    const lines = createInterface({ input: stdout });
    lines.on("line", (line) => {
      context.print(line);
      const url = /ready on (\S+)$/.exec(line)?.[1];
      if (url !== undefined) resolve(url);
    });
    lines.once("close", () => resolve(undefined));
  });
}

function endOf(child: ChildProcess): Promise<Ending> {
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (code, signal) => {
      resolve({ code: signal === null ? (code ?? EXIT.error) : signalExitCode(signal), signal });
    });
  });
}
