// SPDX-License-Identifier: Apache-2.0
/** The end of what somebody says, however much that is. */

const CHARACTERS_MAX = 16_384;

export class LogTail {
  #text = "";

  add(piece: string): void {
    this.#text = (this.#text + piece).slice(-CHARACTERS_MAX);
  }

  get text(): string {
    return this.#text;
  }
}
