// SPDX-License-Identifier: Apache-2.0
/**
 * The guard process: stands between a runner and its command, and outlives the runner by exactly as
 * long as it takes to end the command. The rules are in guard.ts; here they meet the machine.
 *
 * Started by guarded-command.ts with the pipe to the runner as descriptor 3. It imports little, so
 * that it is up in tens of milliseconds, and it is started before there is an office to lose.
 *
 * What it cannot do: act while it is itself stopped, or after it is itself killed. A killed guard is
 * noticed by its runner, which ends the group; a stopped one is made up for by its runner at the
 * lease's end. Only when both are stopped, or both are killed in one instant, does the command run
 * on, and then the term alone protects what it writes to.
 */

import { type ChildProcess, spawn } from "node:child_process";
import { Socket } from "node:net";
import {
  type GuardEffect,
  type GuardEvent,
  type GuardState,
  NEW_GUARD,
  sleepMs,
  step,
} from "./guard.ts";
import { createLineReader, frame, type Order, type Report } from "./guard-protocol.ts";
import { isGroupAlive, signalGroup } from "./process-group.ts";
import { readClocks } from "./system-reading.ts";

const PIPE_DESCRIPTOR = 3;
const GROUP_CHECK_MS = 10;

let state: GuardState = NEW_GUARD;
let group: number | undefined;
let timer: NodeJS.Timeout | undefined;
const pipe = new Socket({ fd: PIPE_DESCRIPTOR, readable: true, writable: true });

// A service manager that stops a whole control group signals us too. The runner got the same signal
// and ends the command with its drain; a guard that died of it would cost the command that drain.
for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"]) process.on(signal, () => {});
process.on("uncaughtException", (error) => {
  if (group !== undefined) signalGroup(group, "SIGKILL");
  process.stderr.write(`conclave: the guard failed and ended the command: ${error.message}\n`);
  process.exit(1);
});

pipe.setEncoding("utf8");
const read = createLineReader((line) => take(JSON.parse(line) as Order));
pipe.on("data", (piece) => read(String(piece)));
pipe.on("close", () => take({ kind: "runner_gone" }));
// A runner that was killed resets the pipe; `close` follows and says all there is to say.
pipe.on("error", () => {});
report({ kind: "ready" });

function take(event: GuardEvent): void {
  const next = step(state, event, readClocks());
  state = next.state;
  for (const effect of next.effects) carryOut(effect);
  clearTimeout(timer);
  const delayMs = sleepMs(state, readClocks());
  if (delayMs !== undefined) timer = setTimeout(() => take({ kind: "time_passed" }), delayMs);
}

function carryOut(effect: GuardEffect): void {
  switch (effect.kind) {
    case "spawn":
      spawnCommand(effect.command, effect.env);
      return;
    case "signal":
      if (group !== undefined && signalGroup(group, effect.signal) === "refused") {
        process.stderr.write(
          `conclave: may not send ${effect.signal} to the command: it runs as another user\n`,
        );
      }
      return;
    case "report":
      report(effect.report);
      return;
    case "await_group":
      awaitGroup();
      return;
    case "quit":
      // Exits when the last report has left; a runner that is gone takes none.
      pipe.end(() => process.exit(0));
      if (pipe.destroyed) process.exit(0);
  }
}

function report(message: Report): void {
  if (!pipe.destroyed) pipe.write(frame(message));
}

function spawnCommand(command: readonly string[], env: Readonly<Record<string, string>>): void {
  const [program = "", ...args] = command;
  const child: ChildProcess = spawn(program, args, {
    detached: true,
    stdio: "inherit",
    env: { ...process.env, ...env },
  });
  if (child.pid !== undefined) {
    group = child.pid;
    report({ kind: "started", group });
  }
  child.once("error", (error) => {
    if (group !== undefined) return;
    // What a shell says of the same: 127 not found, 126 found and not runnable.
    const isMissing = "code" in error && error.code === "ENOENT";
    const problem = isMissing ? `no program "${program}"` : error.message;
    take({ kind: "not_started", problem, exitCode: isMissing ? 127 : 126 });
  });
  child.once("exit", (code, signal) => take({ kind: "exited", exit: { code, signal } }));
}

function awaitGroup(): void {
  if (group !== undefined && isGroupAlive(group)) {
    setTimeout(awaitGroup, GROUP_CHECK_MS);
    return;
  }
  take({ kind: "group_gone" });
}
