// SPDX-License-Identifier: Apache-2.0
/**
 * Who watches what on one partition: by key and by prefix, so that a change costs its watchers only.
 */

import { keyText, type PrimitiveKey, type PrimitiveKind } from "@conclave/fsm";

export type WatchTarget =
  | { readonly kind: "names"; readonly keys: readonly PrimitiveKey[] }
  | ({ readonly kind: "prefix" } & KeyPrefix);

export interface KeyPrefix {
  readonly primitive: PrimitiveKind;
  readonly namespace: string;
  /** May be empty: all names of the namespace. */
  readonly prefix: string;
}

export class WatchIndex<W> {
  readonly #byKey = new Map<string, Set<W>>();
  readonly #byPrefix = new Map<string, Set<W>>();
  /** How many prefixes of each length are watched: only those lengths are looked up. */
  readonly #prefixLengths = new Map<number, number>();

  add(target: WatchTarget, watcher: W): void {
    if (target.kind === "names") {
      for (const key of target.keys) addTo(this.#byKey, keyText(key), watcher);
    } else if (addTo(this.#byPrefix, prefixText(target, target.prefix), watcher)) {
      const { length } = target.prefix;
      this.#prefixLengths.set(length, (this.#prefixLengths.get(length) ?? 0) + 1);
    }
  }

  remove(target: WatchTarget, watcher: W): void {
    if (target.kind === "names") {
      for (const key of target.keys) removeFrom(this.#byKey, keyText(key), watcher);
    } else if (removeFrom(this.#byPrefix, prefixText(target, target.prefix), watcher)) {
      const { length } = target.prefix;
      const count = (this.#prefixLengths.get(length) ?? 0) - 1;
      if (count > 0) this.#prefixLengths.set(length, count);
      else this.#prefixLengths.delete(length);
    }
  }

  /** Calls `tell` for each watcher of this key. One that watches it twice over is told once. */
  forEachOf(key: PrimitiveKey, tell: (watcher: W) => void): void {
    if (this.#byKey.size > 0) this.#byKey.get(keyText(key))?.forEach(tell);
    if (this.#prefixLengths.size === 0) return;
    const family = { primitive: key.kind, namespace: key.namespace };
    for (const length of this.#prefixLengths.keys()) {
      if (length > key.name.length) continue;
      this.#byPrefix.get(prefixText(family, key.name.slice(0, length)))?.forEach(tell);
    }
  }

  /** All watchers, each once. */
  all(): Set<W> {
    const watchers = new Set<W>();
    for (const index of [this.#byKey, this.#byPrefix]) {
      for (const some of index.values()) for (const watcher of some) watchers.add(watcher);
    }
    return watchers;
  }

  get isEmpty(): boolean {
    return this.#byKey.size === 0 && this.#byPrefix.size === 0;
  }
}

/** Whether a target takes a key in. */
export function isWatched(target: WatchTarget, key: PrimitiveKey): boolean {
  if (target.kind === "names") {
    const text = keyText(key);
    return target.keys.some((own) => keyText(own) === text);
  }
  return (
    key.kind === target.primitive &&
    key.namespace === target.namespace &&
    key.name.startsWith(target.prefix)
  );
}

function prefixText(family: Omit<KeyPrefix, "prefix">, prefix: string): string {
  return `${family.primitive}\0${family.namespace}\0${prefix}`;
}

/** True if this is the first under the text. */
function addTo<W>(index: Map<string, Set<W>>, text: string, watcher: W): boolean {
  const watchers = index.get(text);
  if (watchers === undefined) {
    index.set(text, new Set([watcher]));
    return true;
  }
  watchers.add(watcher);
  return false;
}

/** True if it was the last under the text. */
function removeFrom<W>(index: Map<string, Set<W>>, text: string, watcher: W): boolean {
  const watchers = index.get(text);
  if (watchers === undefined || !watchers.delete(watcher) || watchers.size > 0) return false;
  return index.delete(text);
}
