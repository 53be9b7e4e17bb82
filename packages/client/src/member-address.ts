// SPDX-License-Identifier: Apache-2.0
/**
 * Where one node of the cluster is reached: its URLs in turn. One that cannot be reached from here is
 * left alone for a while, and for longer each time, since the others forward meanwhile.
 */

import type { Prng } from "@conclave/base";
import type { Addresses } from "./channel.ts";

const FIRST_WAIT_MS = 250;
const LONGEST_WAIT_MS = 30_000;

export class MemberAddress implements Addresses {
  readonly #urls: () => readonly string[];
  readonly #prng: Prng;
  #tries = 0;

  /** `urls`: those known now; none while the node need not be reached. */
  constructor(urls: () => readonly string[], prng: Prng) {
    this.#urls = urls;
    this.#prng = prng;
  }

  first(): string | undefined {
    const urls = this.#urls();
    return urls[this.#tries % Math.max(1, urls.length)];
  }

  failed(): void {
    this.#tries += 1;
  }

  /** Drawn from the upper half of a range that doubles: none before the first try of a series. */
  waitMs(failures: number): number {
    if (failures === 0) return 0;
    const rangeMs = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** Math.min(failures, 10));
    return rangeMs / 2 + this.#prng.below(1 + rangeMs / 2);
  }
}
