// SPDX-License-Identifier: Apache-2.0
/** Reads the machine's clocks for countdowns: the only place of `run` that does. */

import { uptime } from "node:os";
import type { Reading } from "./countdown.ts";

/** Both clocks now. They count from boot, so every process of one machine reads the same. */
export function readClocks(): Reading {
  const monotonicMs = Number(process.hrtime.bigint()) / 1e6;
  // Elsewhere the monotonic clock counts suspended time itself, and `uptime` has whole seconds only,
  // which would end a short lease up to a second early.
  const uptimeMs = process.platform === "linux" ? uptime() * 1000 : monotonicMs;
  return { monotonicMs, uptimeMs };
}
