// SPDX-License-Identifier: Apache-2.0
/**
 * What the algorithm must know of its log: its bounds, and the raftTerm of every entry.
 *
 * Kept as runs of equal terms, of which there are as many as there were leaders. The bytes of entries
 * lie in the store; the algorithm never looks at them. The search for a conflict with another
 * member's log grows here, with replication.
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

export class LogTerms {
  /** What the newest snapshot ends with; the log begins behind it. */
  #base: LogPoint;
  #lastIndex: number;
  #runs: Run[] = [];

  constructor(base: LogPoint) {
    this.#base = base;
    this.#lastIndex = base.index;
  }

  get base(): LogPoint {
    return this.#base;
  }

  get last(): LogPoint {
    return { index: this.#lastIndex, raftTerm: this.#runs.at(-1)?.raftTerm ?? this.#base.raftTerm };
  }

  /** Adds an entry behind the last one and returns its index. */
  append(raftTerm: number): number {
    const { last } = this;
    assert(raftTerm >= last.raftTerm, "R3: terms do not fall along a log");
    this.#lastIndex += 1;
    const isSameRun = this.#runs.length > 0 && raftTerm === last.raftTerm;
    if (!isSameRun) this.#runs.push({ firstIndex: this.#lastIndex, raftTerm });
    return this.#lastIndex;
  }

  raftTermAt(index: number): number {
    assert(index >= this.#base.index && index <= this.#lastIndex, "R6: an index is in the log");
    if (index === this.#base.index) return this.#base.raftTerm;
    const run = this.#runs.findLast((candidate) => candidate.firstIndex <= index);
    assert(run !== undefined, "R3: every entry has a term");
    return run.raftTerm;
  }

  /** Forgets the entries up to `index`, which a snapshot holds. */
  compactTo(index: number): void {
    const base = { index, raftTerm: this.raftTermAt(index) };
    const runs: Run[] = [];
    for (const [i, run] of this.#runs.entries()) {
      const nextFirst = this.#runs[i + 1]?.firstIndex ?? this.#lastIndex + 1;
      if (nextFirst <= index + 1) continue;
      runs.push({ ...run, firstIndex: Math.max(run.firstIndex, index + 1) });
    }
    this.#runs = runs;
    this.#base = base;
  }
}
