// SPDX-License-Identifier: Apache-2.0
/**
 * When to renew: every quarter of a TTL, sooner when no quorum confirmed, and when an answer has been
 * missing for too long. It sets timers and says so; it renews nothing and judges no deadline.
 */

import type { CancelTimer, Clock, Prng } from "@conclave/base";

export interface RenewalBeatOwner {
  renewalDue(): void;
  /** The oldest renewal without an answer is a third of a TTL old: the stream only swallows. */
  unanswered(): void;
}

export class RenewalBeat {
  readonly #clock: Clock;
  readonly #prng: Prng;
  readonly #ttlMs: number;
  readonly #owner: RenewalBeatOwner;
  #cancelNext: CancelTimer | undefined;
  #cancelAnswer: CancelTimer | undefined;

  constructor(clock: Clock, prng: Prng, ttlMs: number, owner: RenewalBeatOwner) {
    this.#clock = clock;
    this.#prng = prng;
    this.#ttlMs = ttlMs;
    this.#owner = owner;
  }

  /** Begins, unless it has begun. */
  start(): void {
    if (this.#cancelNext === undefined) this.rest();
  }

  /** The next renewal is due a quarter of a TTL from now. */
  rest(): void {
    this.#next(this.#ttlMs / 4);
  }

  /** Nobody confirmed: a whole quarter more would leave little of a short lease. */
  hurry(): void {
    this.#next(this.#ttlMs / 16 + this.#prng.below(1 + Math.floor(this.#ttlMs / 16)));
  }

  sent(): void {
    this.rest();
    this.#cancelAnswer ??= this.#clock.setTimer(this.#ttlMs / 3, () => {
      this.#cancelAnswer = undefined;
      this.#owner.unanswered();
    });
  }

  answered(): void {
    this.#cancelAnswer?.();
    this.#cancelAnswer = undefined;
  }

  stop(): void {
    this.#cancelNext?.();
    this.answered();
  }

  #next(delayMs: number): void {
    this.#cancelNext?.();
    this.#cancelNext = this.#clock.setTimer(delayMs, () => this.#owner.renewalDue());
  }
}
