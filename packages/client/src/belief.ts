// SPDX-License-Identifier: Apache-2.0
/**
 * How long a promise of the server may be believed in (semantics A2).
 *
 * Two clocks are read side by side, because a monotonic clock may stand still while the machine
 * sleeps. The larger elapsed time counts: a second clock may shorten a belief, never lengthen it.
 * No timer is needed, or set, to be right.
 */

import type { Clock } from "@conclave/base";

/** A second clock that counts the time for which the machine slept. */
export interface SuspendClock {
  /** Milliseconds since an arbitrary origin, sleep included. */
  uptimeMs(): number;
}

export interface Instant {
  readonly monotonicMs: number;
  readonly uptimeMs: number;
}

export interface BeliefClock {
  now(): Instant;
  /** Milliseconds from `since` to `until` (default: now), by whichever clock says more. */
  elapsedMs(since: Instant, until?: Instant): number;
}

/** A promise that began at `since` and holds for `lifeMs`. */
export interface Deadline {
  readonly since: Instant;
  readonly lifeMs: number;
}

export function createBeliefClock(clock: Clock, suspendClock: SuspendClock): BeliefClock {
  const now = (): Instant => ({
    monotonicMs: clock.monotonicMs(),
    uptimeMs: suspendClock.uptimeMs(),
  });
  return {
    now,
    elapsedMs(since, until = now()) {
      const { monotonicMs, uptimeMs } = until;
      return Math.max(monotonicMs - since.monotonicMs, uptimeMs - since.uptimeMs);
    },
  };
}

/** What is left of a deadline at an instant, in milliseconds; negative when it has passed. */
export function remainingOf(clock: BeliefClock, deadline: Deadline, at: Instant): number {
  return deadline.lifeMs - clock.elapsedMs(deadline.since, at);
}

/**
 * By how much a client gives up before the server does: 1 % of drift on either side, and 50 ms for
 * the steps of the clocks themselves.
 */
export function marginMs(ttlMs: number): number {
  return ttlMs * 0.02 + 50;
}
