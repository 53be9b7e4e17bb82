// SPDX-License-Identifier: Apache-2.0
/**
 * The runner's end of a guard: starts the guard process, hands it a command and its leases, and says
 * when nothing of the command runs any more.
 *
 * The guard ends the command where this process cannot; this file ends it where the guard cannot:
 * when the guard is killed, at once, and when the guard is stopped, by `kill`.
 */

import { type ChildProcess, spawn } from "node:child_process";
import type { Duplex } from "node:stream";
import { fileURLToPath } from "node:url";
import { assert } from "@conclave/base";
import type { Countdown } from "./countdown.ts";
import {
  type CommandExit,
  createLineReader,
  frame,
  type Order,
  type Report,
} from "./guard-protocol.ts";
import { isGroupAlive, signalGroup } from "./process-group.ts";

/** How often to look whether a group that was killed is gone. */
const GROUP_CHECK_MS = 10;
/** How long a guard that must kill may take to say what its command's group is. */
const GUARD_ANSWER_MS = 250;

export interface CommandStart {
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly drainMs: number;
  readonly lease: Countdown;
}

export type CommandEnd =
  | { readonly kind: "ended"; readonly exit: CommandExit; readonly wasLeaseLow: boolean }
  | { readonly kind: "not_started"; readonly problem: string; readonly exitCode: number }
  | { readonly kind: "too_late" }
  /** The guard died first; the group has been killed and is gone. */
  | { readonly kind: "guard_gone" };

/** One guard process and the one command that it may be given. */
export interface Guard {
  readonly pid: number | undefined;
  /** Whether it came up; `false` when it ended, or could not be started, instead. */
  readonly ready: Promise<boolean>;
  /** Whether it has ended without having been told to. */
  readonly isGone: boolean;
  /** Resolves when nothing of the command runs any more. Once per guard. */
  start(start: CommandStart): Promise<CommandEnd>;
  renew(lease: Countdown): void;
  /** Signals the group; SIGKILL follows when the drain is over. */
  stop(signal: NodeJS.Signals): void;
  /** Ends the group now, whether or not the guard is able to. */
  kill(): void;
  /** Ends a guard that was given no command. */
  dismiss(): void;
}

/** Starts a guard process. It waits, without a command, until it is given one or dismissed. */
export function createGuard(): Guard {
  // In a group of its own: a Ctrl-C or Ctrl-Z of the terminal is the runner's to answer.
  const child = spawn(process.execPath, [fileURLToPath(guardProgram)], {
    detached: true,
    stdio: ["inherit", "inherit", "inherit", "pipe"],
  });
  return attach(child);
}

const guardProgram = new URL("./guard-main.js", import.meta.url);

function attach(child: ChildProcess): Guard {
  const pipe = child.stdio[3] as Duplex;
  let sayReady: (isUp: boolean) => void = () => {};
  const ready = new Promise<boolean>((resolve) => {
    sayReady = resolve;
  });
  let sayEnd: (how: CommandEnd) => void = () => {};
  const end = new Promise<CommandEnd>((resolve) => {
    sayEnd = resolve;
  });
  let isOver = false;
  let isGone = false;
  let group: number | undefined;
  let wasLeaseLow = false;

  const send = (order: Order): void => {
    if (!isGone) pipe.write(frame(order));
  };
  const settle = (how: CommandEnd): void => {
    isOver = true;
    sayEnd(how);
  };
  const receive = (report: Report): void => {
    if (report.kind === "ready") sayReady(true);
    else if (report.kind === "started") group = report.group;
    else if (report.kind === "lease_low") wasLeaseLow = true;
    else if (report.kind === "ended") settle({ kind: "ended", exit: report.exit, wasLeaseLow });
    else settle(report);
  };
  const killGroup = (how: CommandEnd): void => {
    if (isOver) return;
    if (group !== undefined) signalGroup(group, "SIGKILL");
    if (group === undefined || !isGroupAlive(group)) {
      // A guard that is stopped would hold on to a command that is dead.
      child.kill("SIGKILL");
      settle(how);
      return;
    }
    setTimeout(() => killGroup(how), GROUP_CHECK_MS);
  };

  const read = createLineReader((line) => receive(JSON.parse(line) as Report));
  pipe.setEncoding("utf8");
  pipe.on("data", (piece) => read(String(piece)));
  pipe.on("error", () => {});
  child.on("error", () => pipe.destroy());
  // The pipe's end, not the process's: by then everything that the guard said has been read.
  pipe.on("close", () => {
    isGone = true;
    sayReady(false);
    killGroup({ kind: "guard_gone" });
  });

  return {
    pid: child.pid,
    ready,
    get isGone() {
      return isGone;
    },
    start(start) {
      assert(!isOver || isGone, "a guard is given one command");
      send({ kind: "start", ...start });
      return end;
    },
    renew: (lease) => send({ kind: "lease", lease }),
    stop: (signal) => send({ kind: "stop", signal }),
    kill() {
      send({ kind: "stop", signal: "SIGKILL" });
      const killOr = (otherwise: () => void): void => {
        if (group === undefined) otherwise();
        else killGroup({ kind: "ended", exit: KILLED, wasLeaseLow });
      };
      // Without a group there is no command yet, or its guard has still to say so. A guard that says
      // nothing is ended; what it said before is read until the pipe closes, which goes on from there.
      killOr(() => setTimeout(() => killOr(() => child.kill("SIGKILL")), GUARD_ANSWER_MS));
    },
    dismiss() {
      pipe.end();
    },
  };
}

const KILLED: CommandExit = { code: null, signal: "SIGKILL" };
