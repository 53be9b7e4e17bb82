// SPDX-License-Identifier: Apache-2.0
/**
 * The group commit: records of all groups gather here while the batch before is being synced.
 *
 * Remembers which waiters each record releases; it does no I/O.
 */

import { assert } from "@conclave/base";
import { type LogRecord, recordBytesOf } from "../store/log-record.ts";

interface Waiter {
  /** How many of the gathered records must be durable. */
  readonly count: number;
  readonly release: () => void;
}

export class WriteQueue {
  #records: LogRecord[] = [];
  #waiters: Waiter[] = [];
  #bytes = 0;

  get isEmpty(): boolean {
    return this.#waiters.length === 0;
  }

  /** What the gathered records take on disk. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Without records, `release` is called when those that were added before are durable. */
  add(records: readonly LogRecord[], release: () => void): void {
    for (const record of records) {
      this.#records.push(record);
      this.#bytes += recordBytesOf(record);
    }
    this.#waiters.push({ count: this.#records.length, release });
  }

  /** Everything gathered; the caller says with `Batch.synced` what became of it. */
  take(): Batch {
    const batch = new Batch(this.#records, this.#waiters);
    this.#records = [];
    this.#waiters = [];
    this.#bytes = 0;
    return batch;
  }

  /** Puts what could not be written before what has gathered since. */
  putBack(batch: Batch): void {
    const offset = batch.records.length;
    const later = this.#waiters.map((waiter) => ({ ...waiter, count: waiter.count + offset }));
    this.#records = [...batch.records, ...this.#records];
    this.#waiters = [...batch.waiters, ...later];
    this.#bytes += bytesOf(batch.records);
  }
}

export function bytesOf(records: readonly LogRecord[]): number {
  return records.reduce((bytes, record) => bytes + recordBytesOf(record), 0);
}

export class Batch {
  readonly records: readonly LogRecord[];
  readonly waiters: readonly Waiter[];

  constructor(records: readonly LogRecord[], waiters: readonly Waiter[]) {
    this.records = records;
    this.waiters = waiters;
  }

  /** Releases who waited for the first `count` records only; returns what is left. */
  synced(count: number): Batch {
    assert(count <= this.records.length, "S1: no more is acknowledged than was written");
    const left: Waiter[] = [];
    for (const waiter of this.waiters) {
      if (waiter.count <= count) waiter.release();
      else left.push({ ...waiter, count: waiter.count - count });
    }
    return new Batch(this.records.slice(count), left);
  }
}
