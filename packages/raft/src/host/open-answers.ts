// SPDX-License-Identifier: Apache-2.0
/** Questions that have been put to the algorithm under a number, until it answers them. */

import { assert } from "@conclave/base";
import { deferred } from "./deferred.ts";

export class OpenAnswers<T> {
  readonly #open = new Map<number, (answer: T) => void>();

  wait(number: number): Promise<T> {
    const { promise, resolve } = deferred<T>();
    this.#open.set(number, resolve);
    return promise;
  }

  answer(number: number, answer: T): void {
    const resolve = this.#open.get(number);
    assert(resolve !== undefined, "R5: what is open is answered once");
    this.#open.delete(number);
    resolve(answer);
  }

  answerAll(answer: T): void {
    for (const number of [...this.#open.keys()]) this.answer(number, answer);
  }
}
