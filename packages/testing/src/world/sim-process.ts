// SPDX-License-Identifier: Apache-2.0
/**
 * One process of a simulated world: what runs in it runs only while it does.
 *
 * A paused process keeps what comes to it, and takes it late; one that has ended never runs again.
 */

import type { Clock } from "@conclave/base";
import { ProcessClock, type ProcessClockOptions } from "./process-clock.ts";
import type { VirtualTime } from "./virtual-time.ts";

export interface SimProcessOptions extends ProcessClockOptions {
  readonly name: string;
  readonly time: VirtualTime;
  /** Something was thrown in it that nobody caught. */
  readonly thrown: (process: string, error: unknown) => void;
}

/** In which order a process that goes on takes what waits: as it came, or with its own timers first. */
export type ResumeOrder = "as-it-came" | "timers-first";

interface Held {
  readonly isTimer: boolean;
  readonly run: () => void;
}

export class SimProcess {
  readonly name: string;
  readonly clock: Clock & ProcessClock;
  state: "running" | "paused" | "ended" = "running";
  readonly #time: VirtualTime;
  readonly #thrown: (process: string, error: unknown) => void;
  readonly #deferred: (() => void)[] = [];
  #held: Held[] = [];

  constructor(options: SimProcessOptions) {
    this.name = options.name;
    this.#time = options.time;
    this.#thrown = options.thrown;
    this.clock = new ProcessClock(options.time, (fire) => this.#run(true, fire), options);
  }

  /** Takes something from outside, now or when it goes on. */
  take(run: () => void): void {
    this.#run(false, run);
  }

  /** At the end of the present turn of its loop; all that one turn asks for comes in one. */
  defer(run: () => void): void {
    this.#deferred.push(run);
    if (this.#deferred.length > 1) return;
    this.#time.at(this.#time.nowUs, () =>
      this.#run(false, () => {
        for (const each of this.#deferred.splice(0)) this.#guard(each);
      }),
    );
  }

  /** As SIGSTOP, or a loop that does not come round. */
  pause(): void {
    if (this.state === "running") this.state = "paused";
  }

  resume(order: ResumeOrder): void {
    if (this.state !== "paused") return;
    this.state = "running";
    this.clock.wake();
    const held = this.#held;
    this.#held = [];
    if (order === "timers-first") held.sort((a, b) => Number(b.isTimer) - Number(a.isTimer));
    for (const { isTimer, run } of held) {
      this.#time.at(this.#time.nowUs, () => this.#run(isTimer, run));
    }
  }

  /** The machine under it sleeps; `resume` wakes it. */
  suspend(): void {
    if (this.state === "ended") return;
    this.pause();
    this.clock.suspend();
  }

  end(): void {
    this.state = "ended";
    this.#held = [];
  }

  #run(isTimer: boolean, run: () => void): void {
    if (this.state === "paused") this.#held.push({ isTimer, run });
    else if (this.state === "running") this.#guard(run);
  }

  #guard(run: () => void): void {
    try {
      run();
    } catch (error) {
      this.#thrown(this.name, error);
    }
  }
}
