// SPDX-License-Identifier: Apache-2.0
/**
 * Notices that calls get no connection: over HTTP/1.1 a browser opens six to a host, for all its tabs,
 * and each tab's stream holds one. It says so; what to do about it is the owner's.
 */

import type { CancelTimer, Clock } from "@conclave/base";

/** Shorter than the patience of renewals under a TTL of 3 s, beyond what a call takes where nothing is wrong. */
const STARVED_MS = 700;

export class Starvation {
  readonly #clock: Clock;
  readonly #starved: () => void;
  #open = 0;
  #cancel: CancelTimer | undefined;

  /** @param starved nothing at all was answered for a while, though something was asked. */
  constructor(clock: Clock, starved: () => void) {
    this.#clock = clock;
    this.#starved = starved;
  }

  /** One that is given up, and asked anew, goes on waiting where the first began. */
  async await<T>(answer: Promise<T>): Promise<T> {
    this.#open += 1;
    this.#cancel ??= this.#clock.setTimer(STARVED_MS, () => {
      this.#cancel = undefined;
      if (this.#open > 0) this.#starved();
    });
    try {
      const answered = await answer;
      this.reset();
      return answered;
    } finally {
      this.#open -= 1;
    }
  }

  reset(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }
}
