// SPDX-License-Identifier: Apache-2.0
/**
 * Notices that calls get no connection: over HTTP/1.1 a browser opens six to a host, for all its tabs,
 * and each tab's stream holds one. It says so; what to do about it is the owner's.
 *
 * Who only watches asks for nothing, and would never notice: so it asks now and then, for the sake of
 * pages that wait.
 */

import type { CancelTimer, Clock } from "@conclave/base";
import { setPatience } from "./patience.ts";

/** Shorter than the patience of renewals under a TTL of 3 s, beyond what a call takes where nothing is wrong. */
const STARVED_MS = 700;
/** Without a call of its own for this long, it asks; and nothing hangs on it, so that a slow path has time. */
const QUIET_MS = 2_000;
/** With the above well below what a page waits that connects. */
const PROBE_MS = 1_500;

export interface StarvationOwner {
  /** Nothing at all was answered for a while, though something was asked. */
  starved(): void;
  /** Asks for anything. */
  probe(): Promise<unknown>;
}

export class Starvation {
  /** Over TLS nodes speak HTTP/2, and one connection carries everything. */
  readonly #mayStarve: boolean;
  readonly #clock: Clock;
  readonly #owner: StarvationOwner;
  #open = 0;
  #hasAsked = false;
  #cancel: CancelTimer | undefined;
  #cancelProbe: CancelTimer | undefined;

  constructor(url: string, clock: Clock, owner: StarvationOwner) {
    this.#mayStarve = url.startsWith("http:");
    this.#clock = clock;
    this.#owner = owner;
  }

  /** One that is given up, and asked anew, goes on waiting where the first began. */
  async await<T>(answer: Promise<T>): Promise<T> {
    this.#open += 1;
    this.#hasAsked = true;
    this.#cancel ??= this.#clock.setTimer(STARVED_MS, () => {
      this.#cancel = undefined;
      if (this.#open > 0 && this.#mayStarve) this.#owner.starved();
    });
    try {
      const answered = await answer;
      this.#satisfied();
      return answered;
    } finally {
      this.#open -= 1;
    }
  }

  /** A connection is held: asks, wherever nobody else does, until it is reset. */
  keepAsking(): void {
    this.#cancelProbe?.();
    if (!this.#mayStarve) return;
    this.#cancelProbe = this.#clock.setTimer(QUIET_MS, () => {
      if (!this.#hasAsked) return this.#probe();
      this.#hasAsked = false;
      this.keepAsking();
    });
  }

  reset(): void {
    this.#satisfied();
    this.#cancelProbe?.();
  }

  #probe(): void {
    let isOpen = true;
    const over = (): void => {
      isOpen = false;
    };
    this.#owner.probe().then(over, over);
    this.#cancelProbe = setPatience(this.#clock, PROBE_MS, () => {
      this.keepAsking();
      if (isOpen) this.#owner.starved();
    });
  }

  #satisfied(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }
}
