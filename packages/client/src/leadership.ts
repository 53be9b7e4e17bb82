// SPDX-License-Identifier: Apache-2.0
/**
 * What the holder of an office has in hand. Types only: who may make one is in campaign.ts.
 */

/** Proof of office to hand to a resource, which refuses a term lower than the highest it has seen. */
export interface Fence {
  readonly election: string;
  readonly term: bigint;
  /** `orders#42` */
  toString(): string;
}

/**
 * One term of office, believed in until the lease's deadline and not a moment longer.
 *
 * The deadline counts from the *sending* of the last acknowledged renewal, on a clock that counts
 * sleep (semantics A2). Between an operator's move and the next acknowledgement only the fence
 * protects: hand it to whatever you write to.
 */
export interface Leadership extends AsyncDisposable {
  readonly fence: Fence;
  /**
   * Aborted when the office is lost, or about to be; the reason is always an `ElectionError`. A
   * convenience that needs a running event loop: guard side effects with `assertHeld`.
   */
  readonly signal: AbortSignal;
  /** Milliseconds for which the office can be believed in; 0 when lost or suspended. */
  readonly remainingMs: number;
  /**
   * Returns the fence if the office is held for `marginMs` more (default 0), else throws. Compares
   * clocks and needs no timer, so it is right after a blocked loop, a SIGSTOP or a machine's sleep.
   *
   * @throws ElectionError EXPIRED, EVICTED, SUPERSEDED, LOST, RESIGNED, ABORTED or CLOSED when over;
   *   SUSPENDED (retryable) while the server has still to confirm it, or when the margin is not left.
   */
  assertHeld(marginMs?: number): Fence;
  /** Replaces the candidate's metadata: at most 4 KiB of keys and values. */
  update(metadata: Readonly<Record<string, string>>): Promise<void>;
  /**
   * Gives the office up: aborts `signal` (RESIGNED), waits until the work has settled or `drainMs`
   * is over, and withdraws the candidate. Never throws when the office is lost already.
   */
  resign(): Promise<void>;
}
