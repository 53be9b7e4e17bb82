// SPDX-License-Identifier: Apache-2.0
/**
 * Listens to a signal however many others do: one listener on the signal itself, shared by all.
 *
 * One `stop` for all elections of a process is the usual case, and Node warns of a leak from the
 * eleventh listener on.
 */

interface Hub {
  readonly acts: Set<() => void>;
  readonly listener: () => void;
}

const hubs = new WeakMap<AbortSignal, Hub>();

/** Calls `act` when the signal aborts, at once when it has; returns what takes `act` off again. */
export function onAbort(signal: AbortSignal, act: () => void): () => void {
  if (signal.aborted) {
    act();
    return () => {};
  }
  const hub = hubs.get(signal) ?? createHub(signal);
  // Wrapped, so that one function may be registered twice and each be taken off alone.
  const own = (): void => act();
  hub.acts.add(own);
  return () => {
    hub.acts.delete(own);
    if (hub.acts.size > 0 || hubs.get(signal) !== hub) return;
    hubs.delete(signal);
    signal.removeEventListener("abort", hub.listener);
  };
}

function createHub(signal: AbortSignal): Hub {
  const acts = new Set<() => void>();
  const listener = (): void => {
    hubs.delete(signal);
    for (const act of [...acts]) act();
  };
  const hub: Hub = { acts, listener };
  hubs.set(signal, hub);
  signal.addEventListener("abort", listener, { once: true });
  return hub;
}
