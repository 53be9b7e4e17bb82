// SPDX-License-Identifier: Apache-2.0
/**
 * The wall clocks of the cluster, and the time that a leader may write into the log.
 *
 * Log time is for showing only, but it never falls: a leader whose clock is an hour ahead would make
 * the log say so for an hour after it was put right. So it writes no time more than 10 s ahead of the
 * median of the clocks that it has heard, its own among them (semantics A1). No rule compares these
 * times.
 */

import type { Clock } from "@conclave/base";

/** How far ahead of the median a log time may be. Clocks that are kept by NTP differ by far less. */
const AHEAD_MAX_MS = 10_000;

export class PeerClocks {
  readonly #clock: Clock;
  readonly #clamped: () => void;
  /** Of each node, how far its wall clock is ahead of our monotonic one, which does not jump. */
  readonly #offsets = new Map<number, number>();

  /** @param clamped called whenever a time was held back. */
  constructor(clock: Clock, clamped: () => void) {
    this.#clock = clock;
    this.#clamped = clamped;
  }

  wallMs(): number {
    return this.#clock.wallMs();
  }

  /** A message of the node, sent a moment ago, says what its wall clock showed. */
  heard(node: number, wallMs: number): void {
    this.#offsets.set(node, wallMs - this.#clock.monotonicMs());
  }

  /** Forgets the clocks of all others. */
  keepOnly(nodes: ReadonlySet<number>): void {
    for (const node of this.#offsets.keys()) if (!nodes.has(node)) this.#offsets.delete(node);
  }

  /** The time for an entry that is proposed now. */
  logTimeMs(): number {
    const wallMs = this.#clock.wallMs();
    const latestMs = this.#medianMs(wallMs) + AHEAD_MAX_MS;
    if (wallMs <= latestMs) return wallMs;
    this.#clamped();
    return Math.floor(latestMs);
  }

  /** Of an even number the lower one in the middle: of two clocks the earlier may be right. */
  #medianMs(ownMs: number): number {
    const nowMs = this.#clock.monotonicMs();
    const clocks = [ownMs];
    for (const offset of this.#offsets.values()) clocks.push(offset + nowMs);
    clocks.sort((a, b) => a - b);
    return clocks[(clocks.length - 1) >> 1] ?? ownMs;
  }
}
