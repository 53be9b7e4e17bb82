// SPDX-License-Identifier: Apache-2.0
/**
 * The next segment, made and synced before it is needed: and so the reserve for a full disk.
 *
 * Records go only where room has been taken already, so a disk that fills up is noticed here, while
 * a whole segment is still left for what must not wait. It decides nothing about proposals.
 */

import { assert } from "@conclave/base";
import type { Disk, DiskFault, DiskFile, DiskResult } from "./disk.ts";

export class SpareSegment {
  readonly #disk: Disk;
  readonly #segmentBytes: number;
  #ready: DiskFile | undefined;
  #filling: Promise<void> | undefined;
  #fault: DiskFault | undefined;
  #isClosed = false;
  #made = 0;

  constructor(disk: Disk, segmentBytes: number) {
    this.#disk = disk;
    this.#segmentBytes = segmentBytes;
  }

  /** Why there is no spare; undefined if there is one, or none has been tried since the last. */
  get fault(): DiskFault | undefined {
    return this.#fault;
  }

  get roomBytes(): number {
    return this.#ready === undefined ? 0 : this.#segmentBytes;
  }

  /** Makes the spare if there is none; one attempt, in the background of appends. */
  refill(): Promise<void> {
    if (this.#ready !== undefined || this.#isClosed) return Promise.resolve();
    this.#filling ??= this.#fill();
    return this.#filling;
  }

  /** The spare, or a segment of that size made now. The taker owns the file. */
  async take(sizeBytes: number): Promise<DiskResult<DiskFile>> {
    assert(!this.#isClosed, "S1: nothing is appended to a closed store");
    await this.#filling;
    const ready = this.#ready;
    if (ready === undefined || sizeBytes > this.#segmentBytes) return this.#make(sizeBytes);
    this.#ready = undefined;
    return { kind: "ok", value: ready };
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#filling;
    await this.#ready?.close();
  }

  async #fill(): Promise<void> {
    const made = await this.#make(this.#segmentBytes);
    if (made.kind === "ok") this.#ready = made.value;
    this.#fault = made.kind === "fault" ? made : undefined;
    this.#filling = undefined;
  }

  async #make(sizeBytes: number): Promise<DiskResult<DiskFile>> {
    this.#made += 1;
    const name = `spare-${this.#made}`;
    const created = await this.#disk.create(name, sizeBytes);
    if (created.kind === "fault") {
      // What a full disk took of it is given back.
      await this.#disk.remove(name);
      return created;
    }
    // Or the first sync of the segment would have to write all the zeros.
    const synced = await created.value.datasync();
    if (synced.kind === "ok") return created;
    await created.value.close();
    await this.#disk.remove(name);
    return synced;
  }
}
