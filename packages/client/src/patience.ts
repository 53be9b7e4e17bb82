// SPDX-License-Identifier: Apache-2.0
/**
 * Timers for what may be given up when nothing has come. A timer that fires late says that this process
 * stood still, and the answer may lie in a buffer that the loop has not read yet: the time by which it was
 * late is waited again, once.
 *
 * For waiting, never for believing: what a process may believe ends when it ends.
 */

import type { CancelTimer, Clock } from "@conclave/base";

/** A timer is later than this only where the process was kept from running. */
const LATE_MS = 25;

/** Calls `runOut` when `waitMs` have passed in which this process could run. */
export function setPatience(clock: Clock, waitMs: number, runOut: () => void): CancelTimer {
  const dueMs = clock.monotonicMs() + waitMs;
  let cancel = clock.setTimer(waitMs, () => {
    const lateMs = clock.monotonicMs() - dueMs;
    if (lateMs <= LATE_MS) runOut();
    else cancel = clock.setTimer(Math.min(lateMs, waitMs), runOut);
  });
  return () => cancel();
}
