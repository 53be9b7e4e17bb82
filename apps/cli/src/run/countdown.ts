// SPDX-License-Identifier: Apache-2.0
/**
 * A length of time that one process measures out and another one lives by.
 *
 * The runner of a command and its guard are two processes, so the deadline between them is given as
 * a reading of clocks that count alike in both, and what was left at that reading. It reads no clock
 * itself.
 *
 * Two clocks, and the larger elapsed time counts. The monotonic clock is the system's own, counted
 * from boot and so the same number in every process (on Linux `CLOCK_MONOTONIC`, on macOS
 * `mach_continuous_time`); `performance.now()` would not do, since its origin is the start of each
 * process. On Linux it stands still while the machine is suspended, which is what the uptime beside
 * it is for: that one counts on.
 */

/** Both clocks, read together, in milliseconds. */
export interface Reading {
  readonly monotonicMs: number;
  /** Time since boot with suspended time counted; the same clock as above where that counts it. */
  readonly uptimeMs: number;
}

export interface Countdown {
  readonly readAt: Reading;
  /** What was left when the clocks were read. */
  readonly leftMs: number;
}

/** What is left now; zero or less once the time has run out. */
export function leftOf(countdown: Countdown, now: Reading): number {
  const elapsedMs = Math.max(
    now.monotonicMs - countdown.readAt.monotonicMs,
    now.uptimeMs - countdown.readAt.uptimeMs,
  );
  return countdown.leftMs - elapsedMs;
}

/** Whichever of two ends first, as seen where `second` was read. */
export function earlier(first: Countdown, second: Countdown): Countdown {
  return leftOf(first, second.readAt) <= second.leftMs ? first : second;
}
