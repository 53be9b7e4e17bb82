// SPDX-License-Identifier: Apache-2.0
/**
 * A page's life, from the events that its browser sends: hidden away (`pagehide`, `freeze`), back
 * (`pageshow`, `resume`), and asleep with its machine, of which nobody tells it.
 *
 * A page that is put away may be kept for days and never come back, and its last message may be lost
 * with it. So it departs at once: a frozen page that led would hold its election up for a whole TTL.
 */

import type { Clock } from "@conclave/base";
import type { PageLife, PageListener } from "./link.ts";

export interface PageParts {
  /** `window`, or what a worker has instead; nothing where neither is. */
  readonly scope: EventTarget | undefined;
  readonly document: EventTarget | undefined;
  /** Hidden after the departure: what is said in it still leaves. */
  readonly link: { hide(): void; show(): void };
  readonly clock: Pick<Clock, "monotonicMs" | "wallMs">;
}

/** By which the two clocks may part between two looks: more is a sleep, or a change of the time. */
const JUMP_MS = 1_000;

export class WebPageLife implements PageLife {
  readonly #parts: PageParts;
  #listener: PageListener | undefined;
  #isAway = false;
  #wallAheadMs: number;

  constructor(parts: PageParts) {
    this.#parts = parts;
    this.#wallAheadMs = this.#readWallAheadMs();
  }

  /** It was put away, and has not come back. */
  get isAway(): boolean {
    return this.#isAway;
  }

  listen(listener: PageListener): () => void {
    const { scope, document } = this.#parts;
    this.#listener = listener;
    const events = [
      [scope, "pagehide", this.#leave],
      [document, "freeze", this.#leave],
      [document, "resume", this.#comeBack],
      [scope, "pageshow", this.#comeBack],
    ] as const;
    for (const [target, name, act] of events) target?.addEventListener(name, act);
    return () => {
      this.#listener = undefined;
      for (const [target, name, act] of events) target?.removeEventListener(name, act);
    };
  }

  /** A moment to look at the clocks: some stand still in a sleep, and some are set. */
  woken(): void {
    const beforeMs = this.#wallAheadMs;
    this.#wallAheadMs = this.#readWallAheadMs();
    if (Math.abs(this.#wallAheadMs - beforeMs) > JUMP_MS) this.#listener?.interrupted();
  }

  readonly #leave = (): void => {
    // Of a page that is kept, `pagehide` and `freeze` tell one after the other.
    if (this.#isAway) return;
    this.#isAway = true;
    this.#listener?.departing();
    this.#parts.link.hide();
  };

  readonly #comeBack = (): void => {
    // Of a page that is shown for the first time, `pageshow` tells, too.
    if (!this.#isAway) return;
    this.#isAway = false;
    this.#wallAheadMs = this.#readWallAheadMs();
    this.#parts.link.show();
    this.#listener?.interrupted();
  };

  #readWallAheadMs(): number {
    const { clock } = this.#parts;
    return clock.wallMs() - clock.monotonicMs();
  }
}
