// SPDX-License-Identifier: Apache-2.0
/**
 * What the algorithm must know of its log: its bounds, and the raftTerm and size of every entry.
 *
 * Terms are kept as runs of equal ones, of which there are as many as there were leaders; sizes as
 * sums from the beginning, so that any stretch is one subtraction. The bytes of entries lie in the
 * store; the algorithm never looks at them.
 */

import { assert } from "@conclave/base";

export interface LogPoint {
  readonly index: number;
  readonly raftTerm: number;
}

interface Run {
  readonly firstIndex: number;
  readonly raftTerm: number;
}

/** How much one message, or the tail behind a snapshot, may hold. */
export interface StretchLimit {
  readonly bytes: number;
  readonly entries: number;
}

export class LogTerms {
  /** The log begins behind it: a snapshot holds it and all before. */
  #base: LogPoint;
  #baseSum = 0;
  /** Of each entry: the bytes of all entries from the beginning up to and with it. */
  readonly #sums: number[] = [];
  #runs: Run[] = [];

  constructor(base: LogPoint) {
    this.#base = base;
  }

  get base(): LogPoint {
    return this.#base;
  }

  get last(): LogPoint {
    const raftTerm = this.#runs.at(-1)?.raftTerm ?? this.#base.raftTerm;
    return { index: this.#lastIndex, raftTerm };
  }

  /** Adds an entry of `size` bytes behind the last one and returns its index. */
  append(raftTerm: number, size: number): number {
    const { last } = this;
    assert(raftTerm >= last.raftTerm, "R3: terms do not fall along a log");
    this.#sums.push((this.#sums.at(-1) ?? this.#baseSum) + size);
    const index = last.index + 1;
    const isSameRun = this.#runs.length > 0 && raftTerm === last.raftTerm;
    if (!isSameRun) this.#runs.push({ firstIndex: index, raftTerm });
    return index;
  }

  raftTermAt(index: number): number {
    assert(index >= this.#base.index && index <= this.#lastIndex, "R6: an index is in the log");
    const run = this.#runs.findLast((candidate) => candidate.firstIndex <= index);
    return run?.raftTerm ?? this.#base.raftTerm;
  }

  /** Whether the log is known to hold the entry of that index and raftTerm (section 5.3). */
  matches(index: number, raftTerm: number): boolean {
    const isKnown = index >= this.#base.index && index <= this.#lastIndex;
    return isKnown && this.raftTermAt(index) === raftTerm;
  }

  /**
   * The last entry at or before `index` whose raftTerm is at most `raftTerm`: no later one can equal
   * an entry of a log that has `raftTerm` at `index`. One answer so skips a whole raftTerm of
   * conflicts (section 5.3, the optimization at its end). Undefined if it is gone from the log.
   */
  lastNotAfter(index: number, raftTerm: number): LogPoint | undefined {
    const from = Math.min(index, this.#lastIndex);
    let before = from + 1;
    for (const run of this.#runs.toReversed()) {
      if (run.firstIndex > from) continue;
      if (run.raftTerm <= raftTerm) return { index: before - 1, raftTerm: run.raftTerm };
      before = run.firstIndex;
    }
    const isBaseLate = from < this.#base.index || this.#base.raftTerm > raftTerm;
    return isBaseLate ? undefined : this.#base;
  }

  /** The bytes of the entries behind `after`, up to and with `through`. */
  bytesBetween(after: number, through: number): number {
    return this.#sumAt(through) - this.#sumAt(after);
  }

  /** How far entries from `from` on fit the limit; at least one is always taken. */
  throughWithin(from: number, limit: StretchLimit): number {
    const end = Math.min(this.#lastIndex, from + limit.entries - 1);
    const sumMax = this.#sumAt(from - 1) + limit.bytes;
    let through = from;
    while (through < end && this.#sumAt(through + 1) <= sumMax) through += 1;
    return through;
  }

  /** The point behind which the entries up to `index` fit the limit. */
  tailStart(index: number, limit: StretchLimit): number {
    const lowest = Math.max(this.#base.index, index - limit.entries);
    const sumMin = this.#sumAt(index) - limit.bytes;
    let start = index;
    while (start > lowest && this.#sumAt(start - 1) >= sumMin) start -= 1;
    return start;
  }

  /** Takes away the entries from `index` on. */
  truncateFrom(index: number): void {
    assert(index > this.#base.index, "R11: what a snapshot holds is never taken away");
    this.#sums.length = Math.min(this.#sums.length, index - this.#base.index - 1);
    this.#runs = this.#runs.filter((run) => run.firstIndex < index);
  }

  /** Forgets the entries up to `index`, which a snapshot holds. */
  compactTo(index: number): void {
    const base = { index, raftTerm: this.raftTermAt(index) };
    const next = this.#runs.findIndex((run) => run.firstIndex > index + 1);
    const current = (next < 0 ? this.#runs.length : next) - 1;
    const runs = this.#runs.slice(Math.max(current, 0));
    const first = runs[0];
    if (first !== undefined && first.firstIndex <= index) {
      runs[0] = { firstIndex: index + 1, raftTerm: first.raftTerm };
    }
    this.#runs = index === this.#lastIndex ? [] : runs;
    this.#baseSum = this.#sumAt(index);
    this.#sums.splice(0, index - this.#base.index);
    this.#base = base;
  }

  /** Begins anew behind a snapshot that another member has sent. */
  reset(base: LogPoint): void {
    this.#base = base;
    this.#baseSum = 0;
    this.#sums.length = 0;
    this.#runs = [];
  }

  get #lastIndex(): number {
    return this.#base.index + this.#sums.length;
  }

  #sumAt(index: number): number {
    const sum =
      index === this.#base.index ? this.#baseSum : this.#sums[index - this.#base.index - 1];
    assert(sum !== undefined, "R6: an index is in the log");
    return sum;
  }
}
