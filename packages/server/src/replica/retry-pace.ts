// SPDX-License-Identifier: Apache-2.0
/**
 * When to ask a leader again who did not take what was asked: soon at first, then less and less
 * often, so that a leader that is gone is not asked at every tick by everybody.
 *
 * It keeps times and sets no timer. Another leader is asked at once, and whoever uses it says so.
 */

import type { Prng } from "@conclave/base";

/** Doubled with each failure up to the maximum; then something between half and all of it. */
const PAUSE_MS = { first: 24, max: 500 };

export class RetryPace {
  readonly #prng: Pick<Prng, "below">;
  #asked = 0;
  #failures = 0;
  #dueMs = Number.NEGATIVE_INFINITY;

  constructor(prng: Pick<Prng, "below">) {
    this.#prng = prng;
  }

  /** Whom one asks now; to be told to `failed`. */
  get asked(): number {
    return this.#asked;
  }

  /**
   * Whoever was `asked` did not take it. Once for everything that was refused together: what failed
   * in a pause does not lengthen it, and what another one refused says nothing.
   */
  failed(asked: number, nowMs: number): void {
    if (asked !== this.#asked || !this.isDue(nowMs)) return;
    const longestMs = Math.min(PAUSE_MS.max, PAUSE_MS.first * 2 ** this.#failures);
    // The next one is as long as ever when it has grown to the maximum.
    if (longestMs < PAUSE_MS.max) this.#failures++;
    this.#dueMs = nowMs + longestMs / 2 + this.#prng.below(longestMs / 2 + 1);
  }

  /** There is somebody else to ask. */
  another(): void {
    this.#asked++;
    this.wentWell();
  }

  wentWell(): void {
    this.#failures = 0;
    this.#dueMs = Number.NEGATIVE_INFINITY;
  }

  isDue(nowMs: number): boolean {
    return nowMs >= this.#dueMs;
  }
}
