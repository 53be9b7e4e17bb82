// SPDX-License-Identifier: Apache-2.0
/** The user's wish that this process ends: the signals that ask for it, as one stream. */

const SIGNALS: readonly NodeJS.Signals[] = ["SIGINT", "SIGTERM", "SIGHUP"];

export interface Stops {
  /** Calls back for each signal until the returned function is called; then they end the process. */
  listen(onStop: (signal: NodeJS.Signals) => void): () => void;
}

/** The signals that this process gets. */
export const processStops: Stops = {
  listen(onStop) {
    for (const signal of SIGNALS) process.on(signal, onStop);
    return () => {
      for (const signal of SIGNALS) process.off(signal, onStop);
    };
  },
};

/** An AbortSignal for a wait that the first stop ends; the second ends the process as usual. */
export function abortOnStop(stops: Stops): AbortSignal {
  const controller = new AbortController();
  const release = stops.listen(() => {
    release();
    controller.abort();
  });
  return controller.signal;
}
