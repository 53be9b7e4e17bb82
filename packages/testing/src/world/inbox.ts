// SPDX-License-Identifier: Apache-2.0
/** What has come and is not read yet: a stream of frames as its reader iterates over it. */

export class Inbox<T> implements AsyncIterable<T> {
  readonly #waiting: T[] = [];
  #end: { readonly error: unknown } | undefined;
  #wake: (() => void) | undefined;

  push(frame: T): void {
    if (this.#end !== undefined) return;
    this.#waiting.push(frame);
    this.#awaken();
  }

  /** Ends it after all that has come, or at once with an error, as a stream that breaks does. */
  end(error?: Error): void {
    if (this.#end !== undefined) return;
    this.#end = { error };
    if (error !== undefined) this.#waiting.length = 0;
    this.#awaken();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T> {
    for (;;) {
      const frame = this.#waiting.shift();
      if (frame !== undefined) {
        yield frame;
      } else if (this.#end !== undefined) {
        if (this.#end.error !== undefined) throw this.#end.error;
        return;
      } else {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    }
  }

  #awaken(): void {
    this.#wake?.();
    this.#wake = undefined;
  }
}
