// SPDX-License-Identifier: Apache-2.0
/**
 * The machine's clock and the machine's chance, as the arguments that the rest of the server takes.
 *
 * The only place of the server that reads time or draws what must not be guessed.
 */

import { randomBytes } from "node:crypto";
import type { Clock } from "@conclave/base";
import type { MemberChance } from "../member/member-platform.ts";

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

/** The platform's CSPRNG. */
export const systemChance: MemberChance = {
  seed: drawLong,
  sessionId: () => drawUnlessZero(drawLong, 0n),
  nonce: () => randomBytes(8).toString("hex"),
  incarnation: () => drawUnlessZero(() => randomBytes(4).readUInt32BE(), 0),
};

function drawLong(): bigint {
  return randomBytes(8).readBigUInt64BE();
}

/** Zero has a meaning of its own: "draw one" for a session's id, the first start for an incarnation. */
function drawUnlessZero<Drawn>(draw: () => Drawn, zero: Drawn): Drawn {
  for (;;) {
    const drawn = draw();
    if (drawn !== zero) return drawn;
  }
}
