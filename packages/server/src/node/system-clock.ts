// SPDX-License-Identifier: Apache-2.0
/**
 * The machine's clock and the machine's chance, as the arguments that the rest of the server takes.
 *
 * The only place of the server that reads time or draws what must not be guessed.
 */

import { randomBytes } from "node:crypto";
import type { Clock } from "@conclave/base";

/** What Node's timers hold; a longer delay would be taken as 1 ms. */
const TIMER_MS_MAX = 2 ** 31 - 1;

/**
 * The clock of this process. Its timers do not keep the process alive: the open port does, and a
 * program that closed it may end.
 */
export const systemClock: Clock = {
  monotonicMs: () => performance.now(),
  wallMs: () => Date.now(),
  setTimer(delayMs, fire) {
    const dueMs = performance.now() + delayMs;
    let timer: NodeJS.Timeout;
    // Node may fire up to a millisecond early, since it counts from the start of the loop's turn; a
    // deadline that is judged before its time would end a session that is alive.
    const arm = (): void => {
      const remainingMs = Math.max(0, dueMs - performance.now());
      timer = setTimeout(due, Math.min(Math.ceil(remainingMs), TIMER_MS_MAX));
      timer.unref();
    };
    const due = (): void => {
      if (performance.now() < dueMs) arm();
      else fire();
    };
    arm();
    return () => clearTimeout(timer);
  },
};

/** Keeps the process alive until the returned function is called, where only timers are waited for. */
export function stayAlive(): () => void {
  const timer = setInterval(() => {}, TIMER_MS_MAX);
  return () => clearInterval(timer);
}

/** A session id that the server draws: 64 bits of the platform's CSPRNG, never 0. */
export function drawSessionId(): bigint {
  for (;;) {
    const id = randomBytes(8).readBigUInt64BE();
    // 0 means "draw one" on the wire.
    if (id !== 0n) return id;
  }
}

/** A seed for what need not be secret: election timeouts, jitter. */
export function drawSeed(): bigint {
  return randomBytes(8).readBigUInt64BE();
}

/** What tells a data directory from one that had its place before, in hex. */
export function drawNonce(): string {
  return randomBytes(8).toString("hex");
}

/** What tells a data directory that was made later from those before it at its place; never 0. */
export function drawIncarnation(): number {
  for (;;) {
    const incarnation = randomBytes(4).readUInt32BE();
    // 0 is for the members of the first start.
    if (incarnation !== 0) return incarnation;
  }
}
