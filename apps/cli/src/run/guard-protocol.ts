// SPDX-License-Identifier: Apache-2.0
/**
 * What a runner and its guard say to each other: one JSON document a line, on a pipe of their own.
 *
 * The end of the pipe is a message too, the one that cannot be lost: the other process is gone.
 * Types and framing only. Both ends are of one version, since the runner starts its guard.
 */

import type { Countdown } from "./countdown.ts";

/** From the runner. The first is `start`; a pipe that ends without it ends the guard. */
export type Order =
  | {
      readonly kind: "start";
      readonly command: readonly string[];
      /** Added to the environment that the guard itself was given. */
      readonly env: Readonly<Record<string, string>>;
      readonly drainMs: number;
      readonly lease: Countdown;
    }
  /** The lease has moved: usually on, and back where a connection was lost. */
  | { readonly kind: "lease"; readonly lease: Countdown }
  /** End the group: this signal now, SIGKILL when the drain is over. */
  | { readonly kind: "stop"; readonly signal: NodeJS.Signals };

/** From the guard. */
export type Report =
  /** It can take a `start`: the price of starting a process has been paid. */
  | { readonly kind: "ready" }
  /** The command runs, as the leader of the process group `group`. */
  | { readonly kind: "started"; readonly group: number }
  /** The lease ran low and the guard has begun to end the group by itself. */
  | { readonly kind: "lease_low" }
  /** Nothing of the group runs any more. */
  | { readonly kind: "ended"; readonly exit: CommandExit }
  /** There is no process: the program could not be started. */
  | { readonly kind: "not_started"; readonly problem: string; readonly exitCode: number }
  /** The lease was too short, when the order to start arrived, for the command to work and drain. */
  | { readonly kind: "too_late" };

/** How the command itself ended; exactly one of the two is not null. */
export interface CommandExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** One message as it goes over the pipe. */
export function frame(message: Order | Report): string {
  return `${JSON.stringify(message)}\n`;
}

/** Gives whole lines of what arrives in pieces to `receive`, in order. */
export function createLineReader(receive: (line: string) => void): (piece: string) => void {
  let rest = "";
  return (piece) => {
    const lines = (rest + piece).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) receive(line);
  };
}
