// SPDX-License-Identifier: Apache-2.0
/** A value that changes, and who wants to know. Values are immutable: a change is another value. */

export interface Store<T> {
  get(): T;
  /** The listener is called after each change, without the value. Returns what ends it. */
  subscribe(listener: () => void): () => void;
}

export interface WritableStore<T> extends Store<T> {
  /** Tells nobody where the value is the same. */
  set(value: T): void;
}

export function createStore<T>(initial: T): WritableStore<T> {
  let value = initial;
  const listeners = new Set<() => void>();
  return {
    get: () => value,
    subscribe(listener) {
      listeners.add(listener);
      return () => {
        listeners.delete(listener);
      };
    },
    set(next) {
      if (Object.is(value, next)) return;
      value = next;
      for (const listener of [...listeners]) listener();
    },
  };
}
