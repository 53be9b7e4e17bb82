// SPDX-License-Identifier: Apache-2.0
/**
 * The clocks of one simulated process, each with its own rate and its own wall time, and what becomes
 * of its timers when the process or its machine sleeps.
 *
 * A timer never fires before its delay has passed on the process's own monotonic clock. It knows virtual
 * time and nothing of the world.
 */

import type { CancelTimer, Clock } from "@conclave/base";
import type { VirtualTime } from "./virtual-time.ts";

export interface ProcessClockOptions {
  /** By how many millionths the clock runs fast; negative: slow. Default 0. */
  readonly driftPpm?: number;
  /** Of the wall clock at the world's beginning, in Unix milliseconds. Default 1,700,000,000,000. */
  readonly wallStartMs?: number;
}

/** When a timer has come due: the process may be paused, or gone. */
export type RunTimer = (fire: () => void) => void;

const WALL_START_MS = 1_700_000_000_000;

export class ProcessClock implements Clock {
  readonly #time: VirtualTime;
  readonly #run: RunTimer;
  #rate: number;
  #wallOffsetMs: number;
  /** The monotonic clock showed `#sinceLocalUs` at `#sinceUs`, and has run at `#rate` from then on. */
  #sinceUs: number;
  #sinceLocalUs = 0;
  #isSuspended = false;
  #sleptUs = 0;

  constructor(time: VirtualTime, run: RunTimer, options: ProcessClockOptions = {}) {
    this.#time = time;
    this.#run = run;
    this.#rate = rateOf(options.driftPpm ?? 0);
    this.#wallOffsetMs = options.wallStartMs ?? WALL_START_MS;
    this.#sinceUs = time.nowUs;
  }

  monotonicMs(): number {
    return this.#localUs() / 1000;
  }

  wallMs(): number {
    return Math.floor(this.#time.nowMs + this.#wallOffsetMs);
  }

  /** Monotonic time with that in which the machine slept. */
  uptimeMs(): number {
    const asleepUs = this.#isSuspended ? this.#time.nowUs - this.#sinceUs : 0;
    return (this.#localUs() + this.#sleptUs + asleepUs) / 1000;
  }

  setTimer(delayMs: number, fire: () => void): CancelTimer {
    const dueLocalUs = this.#localUs() + Math.ceil(Math.max(0, delayMs) * 1000);
    if (!Number.isSafeInteger(dueLocalUs)) return () => {};
    let cancel: CancelTimer = () => {};
    let isOver = false;
    const due = (): void => {
      if (isOver) return;
      if (this.#localUs() < dueLocalUs) {
        arm();
        return;
      }
      isOver = true;
      fire();
    };
    const arm = (): void => {
      const leftUs = Math.max(1, Math.ceil((dueLocalUs - this.#localUs()) / this.#rate));
      cancel = this.#time.at(this.#time.nowUs + leftUs, () => this.#run(due));
    };
    arm();
    return () => {
      isOver = true;
      cancel();
    };
  }

  /** The clock runs fast by so many millionths from now on. What is on its way may come late by it. */
  drift(ppm: number): void {
    this.#rebase();
    this.#rate = rateOf(ppm);
  }

  /** Moves the wall clock alone, as an operator or NTP does. May be negative. */
  jumpWall(ms: number): void {
    this.#wallOffsetMs += ms;
  }

  /** The machine sleeps: monotonic time stands still, and only the uptime goes on. */
  suspend(): void {
    this.#rebase();
    this.#isSuspended = true;
  }

  wake(): void {
    if (!this.#isSuspended) return;
    this.#sleptUs += this.#time.nowUs - this.#sinceUs;
    this.#isSuspended = false;
    this.#sinceUs = this.#time.nowUs;
  }

  #localUs(): number {
    if (this.#isSuspended) return this.#sinceLocalUs;
    return this.#sinceLocalUs + Math.floor((this.#time.nowUs - this.#sinceUs) * this.#rate);
  }

  #rebase(): void {
    // A machine may be told to sleep while it sleeps: both are time in which it slept.
    if (this.#isSuspended) this.#sleptUs += this.#time.nowUs - this.#sinceUs;
    this.#sinceLocalUs = this.#localUs();
    this.#sinceUs = this.#time.nowUs;
  }
}

function rateOf(driftPpm: number): number {
  return 1 + driftPpm / 1_000_000;
}
