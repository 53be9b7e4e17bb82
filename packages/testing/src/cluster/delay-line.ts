// SPDX-License-Identifier: Apache-2.0
/** Bytes on their way. None overtakes those before it, however much later those are. */

export class DelayLine {
  readonly #deliver: (chunk: Uint8Array) => void;
  readonly #waiting: { readonly chunk: Uint8Array; readonly dueMs: number }[] = [];

  constructor(deliver: (chunk: Uint8Array) => void) {
    this.#deliver = deliver;
  }

  push(chunk: Uint8Array, delayMs: number): void {
    if (delayMs === 0 && this.#waiting.length === 0) {
      this.#deliver(chunk);
      return;
    }
    const lastDueMs = this.#waiting.at(-1)?.dueMs ?? 0;
    const dueMs = Math.max(lastDueMs, performance.now() + delayMs);
    this.#waiting.push({ chunk, dueMs });
    if (this.#waiting.length === 1) this.#wait(dueMs);
  }

  #wait(dueMs: number): void {
    setTimeout(
      () => {
        const nowMs = performance.now();
        while ((this.#waiting[0]?.dueMs ?? Number.POSITIVE_INFINITY) <= nowMs) {
          const due = this.#waiting.shift();
          if (due !== undefined) this.#deliver(due.chunk);
        }
        const next = this.#waiting[0];
        if (next !== undefined) this.#wait(next.dueMs);
      },
      Math.max(1, dueMs - performance.now()),
    );
  }
}
