// SPDX-License-Identifier: Apache-2.0
/**
 * Gives one group's state machine what is committed, in order and once, from memory or else the disk.
 *
 * While somebody holds it (a snapshot is walked, or put in the state's place) it gives nothing.
 */

import { assert } from "@conclave/base";
import type { CommittedEntry, GroupListener } from "../group.ts";
import type { GroupId } from "../ids.ts";
import type { LogEntry } from "../log/entry.ts";
import type { LogStore } from "../store/log-store.ts";
import { deferred } from "./deferred.ts";
import type { EntryCache } from "./entry-cache.ts";
import type { GroupServices } from "./services.ts";

export interface ApplierOptions {
  readonly group: GroupId;
  readonly listener: GroupListener;
  readonly cache: EntryCache;
  readonly services: GroupServices;
  /** Has `deliver` called soon. */
  readonly wake: () => void;
  /** The listener has been given these, and `appliedIndex` has moved. */
  readonly applied: (entries: readonly LogEntry[]) => void;
}

export class Applier {
  readonly #options: ApplierOptions;
  #store: LogStore | undefined;
  #appliedIndex = 0;
  #allowedIndex = 0;
  #holds = 0;
  #waiting: (() => void)[] = [];
  #loading: Promise<void> | undefined;

  constructor(options: ApplierOptions) {
    this.#options = options;
  }

  get appliedIndex(): number {
    return this.#appliedIndex;
  }

  begin(store: LogStore, appliedIndex: number): void {
    this.#store = store;
    this.#appliedIndex = appliedIndex;
    this.#allowedIndex = appliedIndex;
  }

  /** Entries up to `index` may be applied. */
  allow(index: number): void {
    this.#allowedIndex = index;
  }

  hold(): void {
    this.#holds += 1;
  }

  /** As `hold`, when nobody else holds it and nothing is under way: for changing the state. */
  async holdAlone(): Promise<void> {
    while (this.#holds > 0) {
      const { promise, resolve } = deferred<void>();
      this.#waiting.push(resolve);
      await promise;
    }
    this.#holds += 1;
    await this.#loading;
  }

  release(): void {
    this.#holds -= 1;
    for (const resolve of this.#waiting.splice(0)) resolve();
    this.#options.wake();
  }

  /** The state is as of `index` now, by a snapshot that took the place of the log. */
  jumpTo(index: number): void {
    assert(index > this.#appliedIndex, "R6: the state machine does not go back");
    this.#appliedIndex = index;
    this.#allowedIndex = index;
  }

  /** Resolves when no read of the disk is under way. */
  async quiet(): Promise<void> {
    await this.#loading;
  }

  /** Gives the listener what is committed, as far as the bytes are in memory; gets the rest. */
  deliver(): void {
    while (this.#appliedIndex < this.#allowedIndex && this.#isFree()) {
      const entries = this.#options.cache.range(this.#appliedIndex + 1, this.#allowedIndex);
      if (entries.length > 0) this.#apply(entries);
      else this.#loading = this.#load();
    }
  }

  #isFree(): boolean {
    return this.#holds === 0 && this.#loading === undefined;
  }

  #apply(entries: readonly LogEntry[]): void {
    const { listener, cache, applied } = this.#options;
    const proposals: CommittedEntry[] = [];
    let last = this.#appliedIndex;
    for (const { index, raftTerm, type, bytes } of entries) {
      assert(index === last + 1, "R5: entries are applied in order and once");
      last = index;
      if (type === "proposal") proposals.push({ index, raftTerm, bytes });
    }
    if (proposals.length > 0) listener.committed(proposals);
    this.#appliedIndex = last;
    // R13: what is applied is durable here, so the disk can give it back.
    cache.settle(last);
    applied(entries);
  }

  async #load(): Promise<void> {
    const { group, services, wake } = this.#options;
    assert(this.#store !== undefined, "R5: a group applies after it has begun");
    const from = this.#appliedIndex + 1;
    const outcome = await this.#store.load(group, from, this.#allowedIndex);
    this.#loading = undefined;
    if (!services.isRunning()) return;
    if (outcome.kind === "rotten") {
      const { file, offset } = outcome.rot;
      services.fail({ kind: "damaged", detail: `${file} does not verify at ${offset}` });
    } else if (outcome.kind === "fault") {
      services.fail({ kind: "disk-failed", detail: outcome.detail });
    } else {
      // What was loaded while somebody took hold of the state is loaded again, if it still counts.
      const isCurrent = this.#isFree() && from === this.#appliedIndex + 1;
      if (isCurrent) {
        assert(outcome.kind === "loaded", "S7: what is to be applied is in the log");
        this.#apply(outcome.entries);
      }
      wake();
    }
  }
}
