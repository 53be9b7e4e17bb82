// SPDX-License-Identifier: Apache-2.0
/**
 * Where the entries of one group lie on disk.
 *
 * An index in memory over what is durable; it does no I/O. Positions are kept in flat arrays, since
 * there is one for every entry that the log has not yet forgotten.
 */

import { assert } from "@conclave/base";
import type { HardState, LogEntry } from "../log/entry.ts";
import { ENTRY_PREFIX_BYTES, type LogBase } from "./log-record.ts";
import { FRAME_BYTES } from "./record.ts";

export interface EntryPosition {
  readonly segment: number;
  /** Where the record's frame begins. */
  readonly offset: number;
  /** Of the whole record. */
  readonly length: number;
}

export class GroupLog {
  hardState: HardState = { raftTerm: 0, votedFor: undefined };
  /** The log begins behind this entry. At most where the newest durable snapshot ends. */
  #base: LogBase;
  readonly #raftTerms: number[] = [];
  readonly #segments: number[] = [];
  readonly #offsets: number[] = [];
  readonly #lengths: number[] = [];
  /** Entries found when the store opened; those that follow are the caller's to keep. */
  readonly #cached = new Map<number, LogEntry>();
  /** While the disk is read: the records just read belong to a log that a snapshot replaced. */
  #isVoid = false;

  constructor(base: LogBase = { index: 0, raftTerm: 0 }) {
    this.#base = base;
  }

  get base(): LogBase {
    return this.#base;
  }

  get isVoid(): boolean {
    return this.#isVoid;
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
  add(entry: LogEntry, position: EntryPosition, isCached = false): void {
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

  /**
   * As `add`, for an entry found when the store opens, where the log was begun behind the newest
   * snapshot. One that was installed may have replaced a log that disagreed with it, and the power
   * may have failed before that was recorded: what continues another entry than the snapshot's last
   * is void until the log is reset, or the right entry is found.
   */
  recover(
    entry: LogEntry,
    position: EntryPosition,
    isCached: boolean,
  ): "kept" | "covered" | "missing" {
    const { index, raftTerm } = entry;
    if (index < this.#base.index) return "covered";
    if (index === this.#base.index) {
      this.#isVoid = raftTerm !== this.#base.raftTerm;
      this.#truncateFrom(index + 1);
      return "covered";
    }
    const isFirst = index === this.#base.index + 1;
    if (isFirst && raftTerm < this.#base.raftTerm) this.#isVoid = true;
    if (this.#isVoid) return "covered";
    if (index > this.lastIndex + 1) return "missing";
    this.add(entry, position, isCached);
    return "kept";
  }

  /** As `resetTo`, for a reset found when the store opens: of the newest snapshot, or of one before. */
  recoverReset(base: LogBase): "kept" | "missing" {
    if (base.index > this.#base.index) return "missing";
    this.#truncateFrom(this.#base.index + 1);
    this.#isVoid = base.index !== this.#base.index || base.raftTerm !== this.#base.raftTerm;
    return "kept";
  }

  /** Forgets everything: an installed snapshot that ends with `base` has replaced it. */
  resetTo(base: LogBase): void {
    this.#truncateFrom(this.#base.index + 1);
    this.#base = base;
    this.#isVoid = false;
  }

  /** The entries that were kept in memory when the store opened, oldest first; handed out once. */
  takeCached(): readonly LogEntry[] {
    const cached = [...this.#cached.values()];
    this.#cached.clear();
    return cached;
  }

  positionOf(index: number): EntryPosition {
    const at = index - this.#base.index - 1;
    const offset = this.#offsets[at];
    assert(offset !== undefined, "S7: an entry asked for is behind the snapshot and in the log");
    return { segment: this.#segments[at]!, offset, length: this.#lengths[at]! };
  }

  /** Bytes of an entry, without what frames them. */
  sizeAt(index: number): number {
    return this.positionOf(index).length - FRAME_BYTES - ENTRY_PREFIX_BYTES;
  }

  /** Forgets the entries up to `to`, which a durable snapshot holds. */
  compactTo(to: number): void {
    if (to <= this.#base.index) return;
    const base = { index: to, raftTerm: this.raftTermAt(to) };
    for (let i = this.#base.index + 1; i <= to; i++) this.#cached.delete(i);
    for (const column of this.#columns()) column.splice(0, to - this.#base.index);
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
