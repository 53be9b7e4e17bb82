// SPDX-License-Identifier: Apache-2.0
/** What a watch hangs on besides its caller, such that nothing is kept of it once either is gone. */

export interface WatchHold {
  /** Aborted once there is nothing left to watch, or nobody. */
  readonly ending: AbortSignal;
  /** Lets go of it; aborting does so too, since nobody may be left to call this. */
  leave(): void;
}

/** @param join is given what ends the watch, and answers what forgets that. */
export function holdWatch(caller: AbortSignal, join: (end: () => void) => () => void): WatchHold {
  const ending = new AbortController();
  const end = (): void => ending.abort();
  const forget = join(end);
  const leave = (): void => {
    caller.removeEventListener("abort", end);
    forget();
  };
  ending.signal.addEventListener("abort", leave);
  caller.addEventListener("abort", end);
  if (caller.aborted) end();
  if (ending.signal.aborted) leave();
  return { ending: ending.signal, leave };
}

/**
 * A hold on a signal that outlives the caller's. `AbortSignal.any` would leave a trace of each caller
 * there for as long as it lives (Node 20).
 */
export function holdUntil(caller: AbortSignal, signal: AbortSignal | undefined): WatchHold {
  return holdWatch(caller, (end) => {
    signal?.addEventListener("abort", end);
    if (signal?.aborted === true) end();
    return () => signal?.removeEventListener("abort", end);
  });
}
