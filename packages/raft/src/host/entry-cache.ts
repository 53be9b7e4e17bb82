// SPDX-License-Identifier: Apache-2.0
/**
 * The newest entries of one group in memory: what followers are sent, and what is applied.
 *
 * What is not yet durable or not yet applied stays whatever its size, since nothing else has it or
 * it is needed at once; other bounds limit that. Of the rest as much stays as may. No I/O.
 */

import { assert } from "@conclave/base";
import type { LogEntry } from "../log/entry.ts";

/** What an entry costs beside its bytes, so that many small ones count as well. */
const OVERHEAD_BYTES = 64;

export class EntryCache {
  readonly #bytesMax: number;
  readonly #entries = new Map<number, LogEntry>();
  #first = 1;
  #last = 0;
  #bytes = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** Adds an entry behind the last one, or in the place of what is at its index and behind. */
  add(entry: LogEntry): void {
    const { index } = entry;
    this.#truncateFrom(index);
    // Behind a gap, or in the place of all that was here: what is left is of no use.
    if (index !== this.#last + 1) this.clear();
    if (this.#entries.size === 0) this.#first = index;
    this.#entries.set(index, entry);
    this.#last = index;
    this.#bytes += entry.bytes.length + OVERHEAD_BYTES;
  }

  /** The entries from `from` on that are here, at most to `through`, without a gap. */
  range(from: number, through: number): readonly LogEntry[] {
    const found: LogEntry[] = [];
    for (let index = from; index <= through; index++) {
      const entry = this.#entries.get(index);
      if (entry === undefined) break;
      found.push(entry);
    }
    return found;
  }

  /** Entries up to `index` are durable and applied: of them the oldest go when room is short. */
  settle(index: number): void {
    while (this.#bytes > this.#bytesMax && this.#entries.size > 0 && this.#first <= index) {
      const oldest = this.#entries.get(this.#first);
      assert(oldest !== undefined, "S8: the entries of a cache follow one another");
      this.#entries.delete(this.#first);
      this.#bytes -= oldest.bytes.length + OVERHEAD_BYTES;
      this.#first += 1;
    }
  }

  clear(): void {
    this.#entries.clear();
    this.#bytes = 0;
  }

  #truncateFrom(index: number): void {
    for (let i = this.#last; i >= index; i--) {
      const entry = this.#entries.get(i);
      if (entry === undefined) break;
      this.#entries.delete(i);
      this.#bytes -= entry.bytes.length + OVERHEAD_BYTES;
    }
    this.#last = Math.min(this.#last, index - 1);
  }
}
