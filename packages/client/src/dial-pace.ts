// SPDX-License-Identifier: Apache-2.0
/**
 * Spaces the attempts at a place, over all channels of a client: when a node dies, or answers late, the
 * sessions of a process must not all knock at once, and at the same instant again and again.
 *
 * As TCP does: so many attempts may be under way at a place as it has shown that it answers. Each answer
 * makes room for one more, each failure halves it. Who has to wait does not lose patience meanwhile, and
 * a place does not serve greetings that nobody waits for any more.
 */

import type { CancelTimer, Clock } from "@conclave/base";

/** Between two attempts at one place that has failed. */
const SPACING_MS = 100;
/** Under way at a place that nothing is known of: those of a small process all at once. */
const FIRST_WINDOW = 32;
/** A place that swallows attempts may hold up this many, and no fewer, or one could stop all. */
const SMALLEST_WINDOW = 4;
const LARGEST_WINDOW = 1_024;

/** How an attempt has come out. */
export type AttemptEnd = "answered" | "failed" | "given-up";

export interface Turn {
  /** The attempt is to be made now; its end is told by `ended`. */
  go(): void;
  /** The place has failed before the turn came: perhaps there is another one. */
  chooseAgain(): void;
}

interface Place {
  readonly waiting: Set<Turn>;
  underWay: number;
  window: number;
  lastMs: number;
  /** Since it last answered. */
  hasFailed: boolean;
  cancelTimer: CancelTimer | undefined;
}

export class DialPace {
  readonly #clock: Clock;
  readonly #places = new Map<string, Place>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Makes the attempt when there is room for it, at once where there is. Returns what withdraws it. */
  takeTurn(url: string, turn: Turn): CancelTimer {
    const place = this.#place(url);
    place.waiting.add(turn);
    this.#next(place);
    return () => {
      if (place.waiting.delete(turn) && place.waiting.size === 0) this.#forgetTimer(place);
    };
  }

  /** An attempt that was made has come to its end. */
  ended(url: string, end: AttemptEnd): void {
    const place = this.#place(url);
    place.underWay -= 1;
    if (end === "answered") {
      place.window = Math.min(place.window + 1, LARGEST_WINDOW);
      place.hasFailed = false;
    } else if (end === "failed") {
      place.window = Math.max(SMALLEST_WINDOW, place.window >> 1);
    }
    if (end === "failed") this.failed(url);
    else this.#next(place);
  }

  /** An attachment there has ended, or an attempt has failed. */
  failed(url: string): void {
    const place = this.#place(url);
    place.hasFailed = true;
    this.#forgetTimer(place);
    const moved = [...place.waiting];
    place.waiting.clear();
    for (const turn of moved) turn.chooseAgain();
  }

  #next(place: Place): void {
    for (const turn of place.waiting) {
      if (place.underWay >= place.window) return;
      const nowMs = this.#clock.monotonicMs();
      const leftMs = place.hasFailed ? place.lastMs + SPACING_MS - nowMs : 0;
      if (leftMs > 0) {
        this.#forgetTimer(place);
        place.cancelTimer = this.#clock.setTimer(leftMs, () => this.#next(place));
        return;
      }
      place.waiting.delete(turn);
      place.underWay += 1;
      place.lastMs = nowMs;
      turn.go();
    }
  }

  #forgetTimer(place: Place): void {
    place.cancelTimer?.();
    place.cancelTimer = undefined;
  }

  #place(url: string): Place {
    let place = this.#places.get(url);
    if (place === undefined) {
      const waiting = new Set<Turn>();
      const lastMs = Number.NEGATIVE_INFINITY;
      const window = FIRST_WINDOW;
      place = { waiting, underWay: 0, window, lastMs, hasFailed: false, cancelTimer: undefined };
      this.#places.set(url, place);
    }
    return place;
  }
}
