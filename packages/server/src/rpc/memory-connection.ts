// SPDX-License-Identifier: Apache-2.0
/** A connection without a network: open until it is told to close. */

import type { Connection } from "./connection-context.ts";

let lastId = 0;

export class MemoryConnection implements Connection {
  readonly id: number = ++lastId;
  readonly isShared: boolean;
  endedByServer = false;
  readonly #listeners = new Set<() => void>();
  #isClosed = false;

  /** @param isShared as HTTP/2 is, and HTTP/1.1 is not. */
  constructor(isShared = true) {
    this.isShared = isShared;
  }

  onClose(listener: () => void): () => void {
    if (this.#isClosed) listener();
    else this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** How many want to know when it closes. */
  get listenerCount(): number {
    return this.#listeners.size;
  }

  close(): void {
    this.#isClosed = true;
    const listeners = [...this.#listeners];
    this.#listeners.clear();
    for (const listener of listeners) listener();
  }
}
