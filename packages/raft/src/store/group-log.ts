// SPDX-License-Identifier: Apache-2.0
/**
 * Where the entries of one group lie on disk, and the bytes of those that are soon needed.
 *
 * An index in memory over what is durable; it does no I/O. Positions are kept in flat arrays, since
 * there is one for every entry behind the last snapshot.
 */

import { assert } from "@conclave/base";
import type { HardState, LogEntry } from "../log/entry.ts";

export interface EntryPosition {
  readonly segment: number;
  /** Where the record's frame begins. */
  readonly offset: number;
  /** Of the whole record. */
  readonly length: number;
}

export interface LogBase {
  readonly index: number;
  readonly raftTerm: number;
}

export class GroupLog {
  hardState: HardState = { raftTerm: 0, votedFor: undefined };
  /** The entry that the newest durable snapshot ends with; the log begins behind it. */
  #base: LogBase = { index: 0, raftTerm: 0 };
  readonly #raftTerms: number[] = [];
  readonly #segments: number[] = [];
  readonly #offsets: number[] = [];
  readonly #lengths: number[] = [];
  readonly #cached = new Map<number, LogEntry>();

  constructor(base: LogBase = { index: 0, raftTerm: 0 }) {
    this.#base = base;
  }

  get base(): LogBase {
    return this.#base;
  }

  get lastIndex(): number {
    return this.#base.index + this.#raftTerms.length;
  }

  raftTermAt(index: number): number {
    if (index === this.#base.index) return this.#base.raftTerm;
    const term = this.#raftTerms[index - this.#base.index - 1];
    assert(term !== undefined, "S7: an entry asked for is behind the snapshot and in the log");
    return term;
  }

  /** Adds a durable entry; one at an index that is taken replaces it and all behind it. */
  add(entry: LogEntry, position: EntryPosition, isCached: boolean): void {
    assert(entry.index > this.#base.index, "S7: an entry lies behind the snapshot");
    assert(entry.index <= this.lastIndex + 1, "S8: a group's entries follow one another");
    if (entry.index <= this.lastIndex) this.#truncateFrom(entry.index);
    assert(entry.raftTerm >= this.raftTermAt(this.lastIndex), "R3: terms do not fall along a log");
    this.#raftTerms.push(entry.raftTerm);
    this.#segments.push(position.segment);
    this.#offsets.push(position.offset);
    this.#lengths.push(position.length);
    if (isCached) this.#cached.set(entry.index, entry);
  }

  positionOf(index: number): EntryPosition {
    const at = index - this.#base.index - 1;
    const offset = this.#offsets[at];
    assert(offset !== undefined, "S7: an entry asked for is behind the snapshot and in the log");
    return { segment: this.#segments[at]!, offset, length: this.#lengths[at]! };
  }

  cached(index: number): LogEntry | undefined {
    return this.#cached.get(index);
  }

  /** Lets go of the bytes of an entry that has been applied. */
  uncache(index: number): void {
    this.#cached.delete(index);
  }

  /** Forgets what a durable snapshot covers. */
  compactTo(base: LogBase): void {
    assert(base.index >= this.#base.index, "R6: a snapshot does not go back");
    const count = Math.min(base.index - this.#base.index, this.#raftTerms.length);
    for (let i = 0; i < count; i++) this.#cached.delete(this.#base.index + 1 + i);
    for (const column of this.#columns()) column.splice(0, count);
    this.#base = base;
  }

  #truncateFrom(index: number): void {
    for (let i = index; i <= this.lastIndex; i++) this.#cached.delete(i);
    for (const column of this.#columns()) column.length = index - this.#base.index - 1;
  }

  #columns(): readonly number[][] {
    return [this.#raftTerms, this.#segments, this.#offsets, this.#lengths];
  }
}
