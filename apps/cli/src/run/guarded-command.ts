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

interface CommandStart {
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
  /** Whether it came up; `false` when it ended, or could not be started, instead. */
  readonly ready: Promise<boolean>;
  /** Whether its process has ended. */
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
  return new GuardProcess();
}

const GUARD_PROGRAM = new URL("./guard-main.js", import.meta.url);
const KILLED: CommandExit = { code: null, signal: "SIGKILL" };

class GuardProcess implements Guard {
  readonly ready: Promise<boolean>;
  readonly #process: ChildProcess;
  readonly #pipe: Duplex;
  readonly #end: Promise<CommandEnd>;
  #sayReady: (isUp: boolean) => void = () => {};
  #sayEnd: (how: CommandEnd) => void = () => {};
  #isStarted = false;
  #isGone = false;
  /** Whether the end of the command has been said. */
  #isOver = false;
  #group: number | undefined;
  #wasLeaseLow = false;

  constructor() {
    this.ready = new Promise((resolve) => {
      this.#sayReady = resolve;
    });
    this.#end = new Promise((resolve) => {
      this.#sayEnd = resolve;
    });
    // In a group of its own: a Ctrl-C or Ctrl-Z of the terminal is the runner's to answer.
    this.#process = spawn(process.execPath, [fileURLToPath(GUARD_PROGRAM)], {
      detached: true,
      stdio: ["inherit", "inherit", "inherit", "pipe"],
    });
    this.#pipe = this.#process.stdio[3] as Duplex;
    const read = createLineReader((line) => this.#receive(JSON.parse(line) as Report));
    this.#pipe.setEncoding("utf8");
    this.#pipe.on("data", (piece) => read(String(piece)));
    // A guard that was killed resets the pipe; `close` follows and says all there is to say.
    this.#pipe.on("error", () => {});
    this.#process.on("error", () => this.#pipe.destroy());
    // The pipe's end, not the process's: by then everything that the guard said has been read.
    this.#pipe.on("close", () => this.#gone());
  }

  get isGone(): boolean {
    return this.#isGone;
  }

  start(start: CommandStart): Promise<CommandEnd> {
    assert(!this.#isStarted, "a guard is given one command");
    this.#isStarted = true;
    this.#send({ kind: "start", ...start });
    return this.#end;
  }

  renew(lease: Countdown): void {
    this.#send({ kind: "lease", lease });
  }

  stop(signal: NodeJS.Signals): void {
    this.#send({ kind: "stop", signal });
  }

  kill(): void {
    this.stop("SIGKILL");
    if (this.#group !== undefined) {
      this.#killGroup({ kind: "ended", exit: KILLED, wasLeaseLow: this.#wasLeaseLow });
      return;
    }
    // There is no command yet, or its guard has still to say so. A guard that says nothing is ended;
    // what it said before is read until the pipe closes, and killing goes on from there.
    setTimeout(() => {
      if (this.#group === undefined) this.#process.kill("SIGKILL");
      else this.kill();
    }, GUARD_ANSWER_MS);
  }

  dismiss(): void {
    this.#pipe.end();
  }

  #send(order: Order): void {
    if (!this.#isGone) this.#pipe.write(frame(order));
  }

  #receive(report: Report): void {
    if (report.kind === "ready") this.#sayReady(true);
    else if (report.kind === "started") this.#group = report.group;
    else if (report.kind === "lease_low") this.#wasLeaseLow = true;
    else if (report.kind !== "ended") this.#settle(report);
    else this.#settle({ kind: "ended", exit: report.exit, wasLeaseLow: this.#wasLeaseLow });
  }

  #gone(): void {
    this.#isGone = true;
    this.#sayReady(false);
    this.#killGroup({ kind: "guard_gone" });
  }

  #killGroup(how: CommandEnd): void {
    if (this.#isOver) return;
    const group = this.#group;
    if (group !== undefined) signalGroup(group, "SIGKILL");
    if (group !== undefined && isGroupAlive(group)) {
      setTimeout(() => this.#killGroup(how), GROUP_CHECK_MS);
      return;
    }
    // A guard that is stopped would hold on to a command that is dead.
    this.#process.kill("SIGKILL");
    this.#settle(how);
  }

  #settle(how: CommandEnd): void {
    this.#isOver = true;
    this.#sayEnd(how);
  }
}
