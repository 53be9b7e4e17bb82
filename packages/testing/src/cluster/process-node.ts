// SPDX-License-Identifier: Apache-2.0
/**
 * A server in a process of its own, that can be killed and stopped as an operator or a machine would.
 *
 * It ends with this process at the latest, however that ends.
 */

import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { ClusterNode, NodeStart } from "./cluster-node.ts";
import { LogTail } from "./log-tail.ts";
import type { NodeReport } from "./node-main.ts";

/** The built one, also where this file runs from source: Node runs no TypeScript. */
const PROGRAM = fileURLToPath(new URL("../../dist/cluster/node-main.js", import.meta.url));

/** @param ended called with why when the process ends without having been told to. */
export function createProcessNode(start: NodeStart, ended: (why: string) => void): ClusterNode {
  const tail = new LogTail();
  let child: ChildProcess | undefined;
  const end = async (signal: "SIGKILL" | "SIGTERM"): Promise<void> => {
    const ending = child;
    child = undefined;
    if (ending === undefined || hasEnded(ending)) return;
    const exited = new Promise((resolve) => ending.once("exit", resolve));
    ending.kill(signal);
    // One that is paused hears of nothing but a kill.
    ending.kill("SIGCONT");
    await exited;
  };
  return {
    async start() {
      const started = fork(PROGRAM, [JSON.stringify(start)], {
        // Those of whoever runs the tests are no business of a server.
        execArgv: [],
        stdio: ["ignore", "ignore", "pipe", "ipc"],
      });
      child = started;
      const killWithUs = (): void => void started.kill("SIGKILL");
      process.once("exit", killWithUs);
      started.once("exit", () => process.off("exit", killWithUs));
      started.stderr?.on("data", (piece) => tail.add(String(piece)));
      const report = await reportOf(started);
      if (report?.kind === "ready") {
        started.once("exit", (code, signal) => {
          if (child === started) ended(`it ended with ${signal ?? `code ${code}`}:\n${tail.text}`);
        });
        return Number(new URL(report.url).port);
      }
      const why = report === undefined ? tail.text : `${report.reason}: ${report.detail}`;
      throw new Error(`node ${start.node} did not start: ${why}`);
    },
    kill: () => end("SIGKILL"),
    stop: () => end("SIGTERM"),
    pause: () => void child?.kill("SIGSTOP"),
    resume: () => void child?.kill("SIGCONT"),
    log: () => tail.text,
  };
}

/** Undefined when it ended without a word. */
function reportOf(child: ChildProcess): Promise<NodeReport | undefined> {
  return new Promise((resolve) => {
    child.once("message", (message) => resolve(message as NodeReport));
    child.once("exit", () => resolve(undefined));
    child.once("error", () => resolve(undefined));
  });
}

function hasEnded({ exitCode, signalCode }: ChildProcess): boolean {
  return exitCode !== null || signalCode !== null;
}
