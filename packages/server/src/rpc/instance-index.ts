// SPDX-License-Identifier: Apache-2.0
/**
 * The sessions of a partition in the order of their instances, which are hashes.
 *
 * Made in one go and read for a while; it is sorted where it is read, so that no turn takes long.
 */

import type { SessionId } from "@conclave/fsm";
import { instanceOf } from "../wire/instance.ts";

interface IndexedSession {
  readonly instance: string;
  readonly sessionId: SessionId;
}

/** By the first three hex digits of the instance. */
const PREFIX_DIGITS = 3;
const BUCKETS = 16 ** PREFIX_DIGITS;

export class InstanceIndex {
  readonly #buckets = new Map<number, IndexedSession[]>();
  readonly #unsorted = new Set<number>();

  add(sessionId: SessionId): void {
    const instance = instanceOf(sessionId);
    const number = bucketOf(instance);
    const bucket = this.#buckets.get(number);
    if (bucket === undefined) this.#buckets.set(number, [{ instance, sessionId }]);
    else bucket.push({ instance, sessionId });
    this.#unsorted.add(number);
  }

  find(instance: string): SessionId | undefined {
    const bucket = this.#sorted(bucketOf(instance));
    return bucket.find((session) => session.instance === instance)?.sessionId;
  }

  /** Those whose instance is above this one, in order; empty for all. */
  *after(instance: string): Generator<IndexedSession, void, undefined> {
    for (let number = instance === "" ? 0 : bucketOf(instance); number < BUCKETS; number++) {
      for (const session of this.#sorted(number)) if (session.instance > instance) yield session;
    }
  }

  #sorted(number: number): readonly IndexedSession[] {
    const bucket = this.#buckets.get(number) ?? [];
    if (this.#unsorted.delete(number)) bucket.sort((a, b) => (a.instance < b.instance ? -1 : 1));
    return bucket;
  }
}

function bucketOf(instance: string): number {
  return Number.parseInt(instance.slice(0, PREFIX_DIGITS), 16);
}
