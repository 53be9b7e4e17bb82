// SPDX-License-Identifier: Apache-2.0
/**
 * One at a time per key, in the order of asking: what keeps two `work` functions of one election
 * from overlapping in a client, and two campaigns from sharing one candidate.
 */

import { createDeferred } from "./deferred.ts";
import { ElectionError } from "./error.ts";
import { onAbort } from "./on-abort.ts";

/** Lets the next one through; safe to call twice. */
export type Release = () => void;

export class Turnstile {
  readonly #last = new Map<string, Promise<void>>();

  /** Waits for its turn; when `signal` aborts first, gives the turn up and throws ABORTED. */
  async pass(key: string, signal: AbortSignal): Promise<Release> {
    if (signal.aborted) throw abortion(signal);
    const before = this.#last.get(key);
    const { promise: over, resolve } = createDeferred<void>();
    // A turn that is given up early ends with the one before it, or the next would overtake that one.
    const turn = before === undefined ? over : before.then(() => over);
    this.#last.set(key, turn);
    const forget = (): void => {
      if (this.#last.get(key) === turn) this.#last.delete(key);
    };
    const release = (): void => {
      resolve();
      // With nobody before, the turn is over now; a promise would say so a little later.
      if (before === undefined) forget();
      else void turn.then(forget);
    };
    try {
      if (before !== undefined) await orAborted(before, signal);
    } catch (error) {
      release();
      throw error;
    }
    return release;
  }
}

/** The promise's outcome, or the abortion's, whichever is first. Leaves no listener behind. */
export function orAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const unlisten = onAbort(signal, () => reject(abortion(signal)));
    promise.then(
      (value) => {
        unlisten();
        resolve(value);
      },
      (error: unknown) => {
        unlisten();
        reject(error);
      },
    );
  });
}

/** What a caller is told whose signal was aborted: by a time limit, by us, or by itself. */
export function abortion(signal: AbortSignal): ElectionError {
  const reason: unknown = signal.reason;
  if (reason instanceof ElectionError) return reason;
  const isTime = reason instanceof Error && reason.name === "TimeoutError";
  const [code, message] = isTime
    ? (["TIMEOUT", "the time limit of the caller's signal was reached"] as const)
    : (["ABORTED", "the caller's signal was aborted"] as const);
  return new ElectionError(code, message, { cause: reason });
}
