// SPDX-License-Identifier: Apache-2.0
/** Waiting for a condition, with one bound for all, and with what was seen last where it is not met. */

import { setTimeout as delay } from "node:timers/promises";

const BOUND_MS = 30_000;
const CHECK_MS = 10;

/** Waits until `look` gives something other than undefined or false. */
export async function eventually<T>(
  what: string,
  look: () => Promise<T | undefined | false>,
  context: () => string,
): Promise<T> {
  const endMs = performance.now() + BOUND_MS;
  while (performance.now() < endMs) {
    const seen = await look();
    if (seen !== undefined && seen !== false) return seen;
    await delay(CHECK_MS);
  }
  throw new Error(`not within ${BOUND_MS} ms: ${what}\n${context()}`);
}
