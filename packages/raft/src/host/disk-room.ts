// SPDX-License-Identifier: Apache-2.0
/**
 * Whether there is room on the disk for what is proposed, and the wait until there is again.
 *
 * Room that is promised to proposals is counted from when they are taken until they are written, so
 * that nothing reaches the log that it could not hold.
 */

import type { CancelTimer, Clock } from "@conclave/base";
import { ENTRY_PREFIX_BYTES } from "../store/log-record.ts";
import type { LogStore } from "../store/log-store.ts";
import { FRAME_BYTES } from "../store/record.ts";

/** What a record of an entry takes on disk beside its bytes. */
const RECORD_OVERHEAD_BYTES: number = FRAME_BYTES + ENTRY_PREFIX_BYTES;
const PROBE_MS = 1_000;

export interface DiskRoomOptions {
  readonly store: LogStore;
  readonly clock: Clock;
  /** Bytes of records that are gathered or being written. */
  readonly unwrittenBytes: () => number;
  /** There is room again. */
  readonly freed: () => void;
  readonly failed: (detail: string) => void;
}

export class DiskRoom {
  readonly #options: DiskRoomOptions;
  /** Of proposals that are taken and not yet stepped. */
  #admittedBytes = 0;
  /** The last write found no room: none is tried before there is some. */
  #isWaiting = false;
  #cancelProbe: CancelTimer | undefined;
  #isEnded = false;

  constructor(options: DiskRoomOptions) {
    this.#options = options;
  }

  get isWaiting(): boolean {
    return this.#isWaiting;
  }

  /** The disk is full, or so nearly that only what cannot wait is written. */
  get isShort(): boolean {
    return this.#isWaiting || this.#options.store.isShortOfSpace;
  }

  refusalOf(bytes: number, mayUseReserve: boolean): "no-space" | "overloaded" | undefined {
    const { store, unwrittenBytes } = this.#options;
    const { isShort } = this;
    this.watch();
    if (isShort && !mayUseReserve) return "no-space";
    const taken = this.#admittedBytes + unwrittenBytes();
    if (taken + bytes + RECORD_OVERHEAD_BYTES <= store.roomBytes) return undefined;
    return isShort ? "no-space" : "overloaded";
  }

  /** Counts a proposal; `release` ends that when its record is gathered, or it is refused. */
  admit(bytes: number): void {
    this.#admittedBytes += bytes + RECORD_OVERHEAD_BYTES;
  }

  release(bytes: number): void {
    this.#admittedBytes -= bytes + RECORD_OVERHEAD_BYTES;
  }

  /** A write found no room. */
  wait(): void {
    this.#isWaiting = true;
    this.watch();
  }

  /** Looks now and then for room, if there is too little. */
  watch(): void {
    const { store, clock } = this.#options;
    if (this.#isEnded || (!this.isShort && store.spareFault === undefined)) return;
    this.#cancelProbe ??= clock.setTimer(PROBE_MS, () => {
      void this.#probe();
    });
  }

  end(): void {
    this.#isEnded = true;
    this.#cancelProbe?.();
  }

  async #probe(): Promise<void> {
    const { store, freed, failed } = this.#options;
    if (this.#isEnded) return;
    await store.probeSpace();
    this.#cancelProbe = undefined;
    if (this.#isEnded) return;
    if (store.spareFault !== undefined) {
      // Twice in a row, on two files (S6): this is no want of room.
      failed(store.spareFault.detail);
    } else if (store.isShortOfSpace) {
      this.watch();
    } else {
      this.#isWaiting = false;
      freed();
    }
  }
}
