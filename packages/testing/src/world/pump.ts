// SPDX-License-Identifier: Apache-2.0
/** Sends what a source yields over a connection, no faster than it leaves. */

import type { ConnectionEnd } from "./connection.ts";

export class Pump<T> {
  readonly #end: ConnectionEnd;
  readonly #send: (frame: T) => void;
  #isStopped = false;
  #wake: (() => void) | undefined;

  constructor(end: ConnectionEnd, send: (frame: T) => void) {
    this.#end = end;
    this.#send = send;
  }

  /** Resolves when the source is over, or nobody is there to send to; throws what the source does. */
  async run(source: AsyncIterable<T>): Promise<void> {
    for await (const frame of source) {
      if (this.#isOver) return;
      this.#send(frame);
      while (!this.#isOver && !this.#end.hasRoom) {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
      if (this.#isOver) return;
    }
  }

  /** There is room again. */
  room(): void {
    this.#wake?.();
    this.#wake = undefined;
  }

  stop(): void {
    this.#isStopped = true;
    this.room();
  }

  get #isOver(): boolean {
    return this.#isStopped || this.#end.isOver;
  }
}
