// SPDX-License-Identifier: Apache-2.0
/** What one stream of a server has brought, message by message, and how it ended. */

import { setTimeout as delay } from "node:timers/promises";
import { type ClientReadableStream, type ServiceError, status } from "@grpc/grpc-js";

/** How long a message may take that somebody waits for. */
const PATIENCE_MS = 20_000;
const BACKOFF_MS = 50;

export type StreamEnd = { readonly kind: "complete" } | StreamFailure;

interface StreamFailure {
  readonly kind: "failed";
  readonly error: ServiceError;
}

export class MessageStream<T> {
  readonly #stream: ClientReadableStream<T>;
  readonly #waiting: T[] = [];
  #end: StreamEnd | undefined;
  #wake: () => void = () => {};

  constructor(stream: ClientReadableStream<object>) {
    this.#stream = stream as ClientReadableStream<T>;
    stream.on("data", (message: T) => {
      this.#waiting.push(message);
      this.#wake();
    });
    stream.on("error", (error: ServiceError) => this.#over({ kind: "failed", error }));
    stream.on("end", () => this.#over({ kind: "complete" }));
  }

  /** The next message, or the end of the stream behind the last one. */
  async next(): Promise<T | StreamEnd> {
    const isSettled = (): boolean => this.#waiting.length > 0 || this.#end !== undefined;
    if (!isSettled()) await this.#woken(isSettled);
    const message = this.#waiting.shift();
    return message ?? this.#end!;
  }

  /** @throws when the stream ended instead */
  async message(): Promise<T> {
    const next = await this.next();
    if (isEnd(next)) throw next.kind === "failed" ? next.error : new Error("the stream has ended");
    return next;
  }

  /** How the stream ended, once it has; messages that nobody took are dropped. */
  async end(): Promise<StreamEnd> {
    for (;;) {
      const next = await this.next();
      if (isEnd(next)) return next;
    }
  }

  /** Messages that have arrived and were not taken. */
  get pending(): number {
    return this.#waiting.length;
  }

  cancel(): void {
    this.#stream.cancel();
  }

  #over(end: StreamEnd): void {
    // A failure is told first, and ends the stream too.
    this.#end ??= end;
    this.#wake();
  }

  #woken(isSettled: () => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        reject(new Error(`nothing came by a stream within ${PATIENCE_MS} ms`));
      }, PATIENCE_MS);
      this.#wake = () => {
        if (!isSettled()) return;
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

export function isEnd<T>(next: T | StreamEnd): next is StreamEnd {
  if (typeof next !== "object" || next === null || !("kind" in next)) return false;
  return next.kind === "complete" || next.kind === "failed";
}

/**
 * A moment, after which a client opens a stream again that ended so.
 *
 * @throws when no client would
 */
export async function untilReopened(end: StreamEnd): Promise<void> {
  if (end.kind === "complete") throw new Error("the stream has ended");
  if (end.error.code !== status.UNAVAILABLE) throw end.error;
  await delay(BACKOFF_MS);
}
