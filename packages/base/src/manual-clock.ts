// SPDX-License-Identifier: Apache-2.0
/**
 * The honest in-memory twin of a clock: time stands still until it is told to move.
 *
 * Timers fire in the order of their deadlines, and in the order of their setting where those are
 * equal. It reads no other clock.
 */

import { assert } from "./assert.ts";
import type { Clock } from "./clock.ts";

export interface ManualClock extends Clock {
  /** Moves both clocks on and fires what falls due, each at its own time. */
  advance(ms: number): void;
  /** Moves the wall clock alone, as an operator or NTP does. May be negative. */
  jumpWall(ms: number): void;
  /** How many timers are set: a test of cleaning up asserts zero. */
  readonly pendingTimers: number;
}

interface Timer {
  readonly dueMs: number;
  readonly order: number;
  readonly fire: () => void;
}

/** A clock that begins at monotonic 0 and at the wall time given, in Unix milliseconds. */
export function createManualClock(wallStartMs = 1_700_000_000_000): ManualClock {
  let nowMs = 0;
  let wallOffsetMs = wallStartMs;
  let order = 0;
  const timers = new Set<Timer>();

  const earliest = (untilMs: number): Timer | undefined => {
    let found: Timer | undefined;
    for (const timer of timers) {
      if (timer.dueMs > untilMs) continue;
      const isEarlier =
        found === undefined ||
        timer.dueMs < found.dueMs ||
        (timer.dueMs === found.dueMs && timer.order < found.order);
      if (isEarlier) found = timer;
    }
    return found;
  };

  return {
    monotonicMs: () => nowMs,
    wallMs: () => nowMs + wallOffsetMs,
    setTimer(delayMs, fire) {
      const timer: Timer = { dueMs: nowMs + Math.max(0, delayMs), order: order++, fire };
      timers.add(timer);
      return () => timers.delete(timer);
    },
    advance(ms) {
      assert(ms >= 0, "time does not run backwards");
      const untilMs = nowMs + ms;
      for (let timer = earliest(untilMs); timer !== undefined; timer = earliest(untilMs)) {
        timers.delete(timer);
        nowMs = Math.max(nowMs, timer.dueMs);
        timer.fire();
      }
      nowMs = untilMs;
    },
    jumpWall(ms) {
      wallOffsetMs += ms;
    },
    get pendingTimers() {
      return timers.size;
    },
  };
}
