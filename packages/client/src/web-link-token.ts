// SPDX-License-Identifier: Apache-2.0
/** The token that calls go under, asked for again before it is likely to be too old. */

import type { Clock } from "@conclave/base";

/** Short-lived credentials live for minutes. */
const FRESH_MS = 30_000;

export class WebTokens {
  readonly #ask: (() => Promise<string>) | undefined;
  readonly #clock: Clock;
  #last: string | undefined;
  #lastMs = Number.NEGATIVE_INFINITY;
  #underWay: Promise<string | undefined> | undefined;

  constructor(ask: (() => Promise<string>) | undefined, clock: Clock) {
    this.#ask = ask;
    this.#clock = clock;
  }

  /** The last one, for what cannot wait. */
  get last(): string | undefined {
    return this.#last;
  }

  /** A new one, for a dial: it fails where none is to be had. */
  async renewed(): Promise<string | undefined> {
    if (this.#ask === undefined) return undefined;
    this.#last = await this.#ask();
    this.#lastMs = this.#clock.monotonicMs();
    return this.#last;
  }

  /**
   * One that is fresh enough, asked for once for all calls of a moment; where none is to be had, the last
   * one: that it is too old is the server's to say.
   */
  async current(): Promise<string | undefined> {
    if (this.#clock.monotonicMs() - this.#lastMs < FRESH_MS) return this.#last;
    this.#underWay ??= this.renewed()
      .catch(() => this.#last)
      .finally(() => {
        this.#underWay = undefined;
      });
    return this.#underWay;
  }
}
