// SPDX-License-Identifier: Apache-2.0
/** What people are told about peers: each thing once, until the peer has been well in between. */

/** Beyond so many different things nothing new is said: anyone may call with any number. */
const SAID_MAX = 1_024;

export class PeerReports {
  readonly #log: (text: string) => void;
  readonly #said = new Map<string, number>();

  constructor(log: (text: string) => void) {
    this.#log = log;
  }

  /** @param reason what makes it the same thing, whatever the text says beside it. */
  once(node: number, reason: string, text: string): void {
    const key = `${node} ${reason}`;
    if (this.#said.has(key) || this.#said.size >= SAID_MAX) return;
    this.#said.set(key, node);
    this.#log(text);
  }

  /** The peer is well: what goes wrong from now on is news. */
  isWell(node: number): void {
    for (const [key, of] of this.#said) if (of === node) this.#said.delete(key);
  }
}
