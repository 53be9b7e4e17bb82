// SPDX-License-Identifier: Apache-2.0
/**
 * Takes the oldest out of a map or a set that keeps only so many.
 *
 * The engine leaves holes where entries were, and one that begins a walk passes over all of those at
 * the front: with 100,000 kept that is most of the time of an end of a session. So one walk is kept
 * and goes on. It is in the state of no partition, since it is a place in memory and nothing else.
 */

interface Aged<V> {
  entries(): Iterator<[unknown, V]>;
  delete(key: unknown): boolean;
}

const walks = new WeakMap<object, Iterator<[unknown, unknown]>>();

/** Removes the oldest entry and answers its value (of a set, the member); undefined where empty. */
export function takeOldest<V>(of: Aged<V>): V | undefined {
  // What the walk has passed is gone, and what comes back stands at the end: so the next is the oldest.
  const next = walkOf(of).next();
  if (next.done === true) {
    // A walk that has ended never goes on.
    walks.delete(of);
    const first = walkOf(of).next();
    return first.done === true ? undefined : taken(of, first.value);
  }
  return taken(of, next.value);
}

function taken<V>(of: Aged<V>, [key, value]: [unknown, V]): V {
  of.delete(key);
  return value;
}

function walkOf<V>(of: Aged<V>): Iterator<[unknown, V]> {
  const found = walks.get(of);
  if (found !== undefined) return found as Iterator<[unknown, V]>;
  const begun = of.entries();
  walks.set(of, begun);
  return begun;
}
