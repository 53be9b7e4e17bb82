// SPDX-License-Identifier: Apache-2.0
/**
 * Spaces the attempts at a place that has failed, over all channels of a client: when a node dies, the
 * sessions of a process must not all knock at once, and at the same instant again and again.
 */

import type { Clock } from "@conclave/base";

/** Between two attempts at one place that has failed. */
const SPACING_MS = 100;

export class DialPace {
  readonly #clock: Clock;
  /** By URL, when the last attempt was made, or will be. */
  readonly #turns = new Map<string, number>();
  /** What has failed since it last answered. */
  readonly #failed = new Set<string>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** How long this attempt has to wait; its turn is taken. 0 where nothing has failed. */
  takeTurn(url: string): number {
    const nowMs = this.#clock.monotonicMs();
    const earliestMs = this.#failed.has(url) ? (this.#turns.get(url) ?? 0) + SPACING_MS : nowMs;
    const turnMs = Math.max(nowMs, earliestMs);
    this.#turns.set(url, turnMs);
    return turnMs - nowMs;
  }

  failed(url: string): void {
    this.#failed.add(url);
  }

  answered(url: string): void {
    this.#failed.delete(url);
  }
}
