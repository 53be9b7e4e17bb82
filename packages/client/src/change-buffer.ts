// SPDX-License-Identifier: Apache-2.0
/**
 * What a watcher has not read yet: bounded, and never hiding who led (pain 9).
 *
 * Changes of the queue or of metadata, and marks of progress, replace each other while they wait; a
 * change of office never is replaced. When that is not enough the buffer says that it is full, and
 * the watch stops asking until there is room: the server's history, not our memory, holds the rest.
 * Snapshots do not fill it: they are views that the watch keeps in any case, and a snapshot that is
 * broken off has to begin again.
 */

import { createDeferred, type Deferred } from "./deferred.ts";
import type { ElectionError } from "./error.ts";
import type { Change, ViewChange } from "./view.ts";

/** Undelivered changes after which a watch pauses. */
export const CHANGES_MAX = 1024;

type Ending =
  | { readonly kind: "returned" }
  | { readonly kind: "failed"; readonly error: ElectionError };

export class ChangeBuffer {
  readonly #changes: Change[] = [];
  #ending: Ending | undefined;
  #reader: Deferred<void> | undefined;
  /** How many of those that wait are snapshots. */
  #snapshots = 0;

  get isFull(): boolean {
    return this.#changes.length - this.#snapshots >= CHANGES_MAX;
  }

  get isEmpty(): boolean {
    return this.#changes.length === 0;
  }

  push(change: Change): void {
    if (this.#ending !== undefined) return;
    const at = this.#replacedBy(change);
    if (change.type === "snapshot") this.#snapshots += 1;
    if (at < 0) this.#changes.push(change);
    else this.#changes[at] = merged(this.#changes[at], change);
    this.#reader?.resolve();
  }

  /** The watch is over; what waits is still delivered, unless the reader is who ended it. */
  end(error?: ElectionError): void {
    this.#ending ??= error === undefined ? { kind: "returned" } : { kind: "failed", error };
    if (error === undefined) this.#changes.length = 0;
    this.#reader?.resolve();
  }

  /** The next change, or nothing at the end. Throws what the watch has ended with. */
  async next(): Promise<Change | undefined> {
    while (this.#changes.length === 0 && this.#ending === undefined) {
      this.#reader ??= createDeferred<void>();
      await this.#reader.promise;
      this.#reader = undefined;
    }
    const change = this.#changes.shift();
    if (change?.type === "snapshot") this.#snapshots -= 1;
    if (change === undefined && this.#ending?.kind === "failed") throw this.#ending.error;
    return change;
  }

  /** Which waiting change the new one makes superfluous; -1 for none. */
  #replacedBy(change: Change): number {
    const last = this.#changes.length - 1;
    if (change.type === "progress" || change.type === "contact") {
      return this.#changes[last]?.type === change.type ? last : -1;
    }
    if (!isMinor(change)) return -1;
    // The latest about the same election, and nothing before it: an order that a reader could see.
    for (let at = last; at >= 0 && at > last - 64; at--) {
      const waiting = this.#changes[at];
      if (waiting === undefined || !("view" in waiting)) return -1;
      if (waiting.view.election === change.view.election) return isMinor(waiting) ? at : -1;
    }
    return -1;
  }
}

function isMinor(change: Change): change is ViewChange {
  return change.type === "queue" || change.type === "metadata";
}

function merged(before: Change | undefined, after: Change): Change {
  const hidesQueue = before?.type === "queue" && after.type === "metadata";
  return hidesQueue && isMinor(after) ? { ...after, type: "queue" } : after;
}
