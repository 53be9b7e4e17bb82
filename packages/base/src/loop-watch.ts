// SPDX-License-Identifier: Apache-2.0
/**
 * The node's one periodic tick, and loop time: a clock that stands still while the loop does.
 *
 * Sessions are judged in loop time (semantics A2, schedule J). While this process was stalled,
 * renewals waited in its socket buffers; a timer that wakes up late must not judge before they were
 * handled. So loop time does not run past the next expected tick, a late tick judges nothing, and
 * the time by which it was late is left out of loop time: every deadline moves by that much at once.
 * Of ticks that are late one after the other only the first judges nothing: before each of the rest the
 * loop has been round, and a node that is always behind must not keep dead sessions for ever.
 * Raft counts beats, which a stall swallows too, so no election begins because this process slept.
 *
 * One for each node; whoever composes the node starts and stops it. It reads no clock but its own.
 */

import { assert } from "./assert.ts";
import type { CancelTimer, Clock } from "./clock.ts";

/**
 * How often deadlines are looked at, in milliseconds. It is also the stall that is overlooked: less
 * than the margin of 50 ms and more by which every client believes for a shorter time than we wait.
 */
export const TICK_MS = 25;

export class LoopWatch {
  readonly #clock: Clock;
  readonly #beats = new Set<() => void>();
  readonly #ticks = new Set<() => void>();
  #expectedMs: number;
  #latenessMs = 0;
  #wasLate = false;
  #cancelTick: CancelTimer | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#expectedMs = clock.monotonicMs() + TICK_MS;
  }

  start(): void {
    assert(this.#cancelTick === undefined, "the loop is watched once");
    this.#schedule();
  }

  stop(): void {
    this.#cancelTick?.();
    this.#cancelTick = undefined;
  }

  /** Milliseconds of the monotonic clock without those in which the loop stood still. Never falls. */
  loopNowMs(): number {
    return Math.min(this.#clock.monotonicMs(), this.#expectedMs) - this.#latenessMs;
  }

  /**
   * Calls `beat` at every tick, before `onTick`'s; once, however late the tick is. For counting
   * time in which this process was awake. Returns what ends that.
   */
  onBeat(beat: () => void): () => void {
    this.#beats.add(beat);
    return () => this.#beats.delete(beat);
  }

  /** Calls `tick` at every tick but a first late one: for judging. Returns what ends that. */
  onTick(tick: () => void): () => void {
    this.#ticks.add(tick);
    return () => this.#ticks.delete(tick);
  }

  #schedule(): void {
    this.#expectedMs = this.#clock.monotonicMs() + TICK_MS;
    this.#cancelTick = this.#clock.setTimer(TICK_MS, () => this.#tick());
  }

  #tick(): void {
    const lateMs = this.#clock.monotonicMs() - this.#expectedMs;
    const isLate = lateMs > TICK_MS;
    const isStall = isLate && !this.#wasLate;
    this.#wasLate = isLate;
    if (isLate) this.#latenessMs += lateMs;
    // The next tick comes after the loop has polled its sockets: what had arrived is handled first.
    this.#schedule();
    for (const beat of this.#beats) beat();
    if (isStall) return;
    for (const tick of this.#ticks) tick();
  }
}
