// SPDX-License-Identifier: Apache-2.0
/** Processes that a question measures: started, waited for, ended by their own ids, and read from /proc. */

import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { createServer } from "node:net";
import { setTimeout as delay } from "node:timers/promises";

const BOUND_MS = 60_000;
const COMPLAINTS_MAX = 4_096;
/** Of the kernel's interface to user space: 100 on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100;

export interface RunningProcess {
  readonly pid: number;
  /** Resolves with the first line on stdout that fits. */
  line(pattern: RegExp): Promise<RegExpExecArray>;
  signal(signal: NodeJS.Signals): void;
  /** Ends it if it still runs, and resolves when it has ended. */
  end(signal?: NodeJS.Signals): Promise<void>;
}

/** Starts a program. What it says on stderr is shown when it ends by itself with a failure. */
export function startProcess(program: string, args: readonly string[]): RunningProcess {
  const child = spawn(program, [...args], { stdio: ["pipe", "pipe", "pipe"] });
  // Not even a question that fails may leave a server behind.
  const kill = (): void => void child.kill("SIGKILL");
  process.once("exit", kill);
  let complaints = "";
  child.stderr.on("data", (chunk) => {
    complaints = (complaints + String(chunk)).slice(-COMPLAINTS_MAX);
  });
  const exited = new Promise<void>((resolve) =>
    child.once("close", (code) => {
      process.off("exit", kill);
      if (code !== null && code !== 0)
        console.error(`${program} exited with ${code}\n${complaints}`);
      resolve();
    }),
  );
  let printed = "";
  child.stdout.on("data", (chunk) => {
    printed += String(chunk);
  });
  return {
    pid: child.pid ?? -1,
    line: (pattern) => firstLine(child, () => printed, pattern),
    signal: (signal) => void child.kill(signal),
    async end(signal = "SIGTERM") {
      child.kill(signal);
      await exited;
    },
  };
}

function firstLine(child: ChildProcess, printed: () => string, pattern: RegExp) {
  return new Promise<RegExpExecArray>((resolve, reject) => {
    const look = (): void => {
      const found = pattern.exec(printed());
      if (found === null) return;
      clearTimeout(late);
      child.stdout?.off("data", look);
      resolve(found);
    };
    const fail = (why: string): void => reject(new Error(`${why} before ${pattern}: ${printed()}`));
    const late = setTimeout(() => fail(`${BOUND_MS} ms went by`), BOUND_MS);
    child.once("exit", (code) => {
      clearTimeout(late);
      fail(`the process exited with ${code}`);
    });
    child.stdout?.on("data", look);
    look();
  });
}

/** Asks again every few milliseconds until the answer is true. */
export async function until(what: string, isSo: () => Promise<boolean>): Promise<void> {
  const endMs = performance.now() + BOUND_MS;
  while (!(await isSo())) {
    if (performance.now() > endMs) throw new Error(`not within ${BOUND_MS} ms: ${what}`);
    await delay(5);
  }
}

/** Ports of this machine that were free a moment ago. */
export async function freePorts(number: number): Promise<readonly number[]> {
  const servers = Array.from({ length: number }, () => createServer());
  const ports: number[] = [];
  for (const server of servers) {
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const address = server.address();
    if (typeof address === "object" && address !== null) ports.push(address.port);
  }
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

/** Seconds of one core that a process has used. */
export function cpuSecondsOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
  // The name, in parentheses, may hold spaces; user and system time are fields 14 and 15 of the line.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

export function residentBytesOf(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, "latin1");
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? Number.NaN) * 1024;
}

/** Bytes that a process has caused to be written to disk, in whole pages. */
export function writtenBytesOf(pid: number): number {
  const io = readFileSync(`/proc/${pid}/io`, "latin1");
  return Number(/^write_bytes: (\d+)$/m.exec(io)?.[1] ?? Number.NaN);
}
