// SPDX-License-Identifier: Apache-2.0
/**
 * The frame of every record in every file, and the writer and reader of frames.
 *
 *     checksum u32 | payload length u32 | previous u32 | group u32 | type u32 | payload
 *
 * All little-endian. The checksum covers the rest of the frame, and `previous` is the checksum of
 * the record before, so each one stands for everything that came before it: what an older, longer
 * tail left behind cannot be taken for a continuation of a newer one. Nothing here knows what a
 * payload means.
 */

import { assert } from "@conclave/base";
import type { GroupId } from "../ids.ts";
import { crc32c } from "./crc32c.ts";

export const FRAME_BYTES = 20;

/** The numbers stand in files: one is never given another meaning. 0 is what preallocation leaves. */
export const RECORD_TYPE = {
  segmentHeader: 1,
  checkpoint: 2,
  hardState: 3,
  proposal: 4,
  noop: 5,
  mark: 6,
  snapshotHeader: 7,
  snapshotChunk: 8,
  snapshotEnd: 9,
  configuration: 10,
  reset: 11,
} as const;

export type RecordType = (typeof RECORD_TYPE)[keyof typeof RECORD_TYPE];

export interface FramedRecord {
  readonly checksum: number;
  readonly group: GroupId;
  readonly type: number;
  readonly payloadStart: number;
  /** Where the payload and with it the record ends, and the next one begins. */
  readonly end: number;
}

/** Puts frames one behind the other into a buffer that grows. */
export class RecordWriter {
  #bytes: Uint8Array;
  #view: DataView;
  #length = 0;
  #previous: number;

  constructor(previous: number, capacityBytes: number) {
    this.#bytes = new Uint8Array(capacityBytes);
    this.#view = new DataView(this.#bytes.buffer);
    this.#previous = previous;
  }

  get length(): number {
    return this.#length;
  }

  /** The checksum of the last record: what the next one calls `previous`. */
  get checksum(): number {
    return this.#previous;
  }

  get bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  /** Adds one record; `fill` writes exactly `payloadBytes` at the offset that it is given. */
  add(
    type: RecordType,
    group: GroupId,
    payloadBytes: number,
    fill: (view: DataView, at: number, bytes: Uint8Array) => void,
  ): void {
    const start = this.#length;
    const end = start + FRAME_BYTES + payloadBytes;
    this.#reserve(end);
    const view = this.#view;
    view.setUint32(start + 4, payloadBytes, true);
    view.setUint32(start + 8, this.#previous, true);
    view.setUint32(start + 12, group, true);
    view.setUint32(start + 16, type, true);
    fill(view, start + FRAME_BYTES, this.#bytes);
    this.#previous = crc32c(this.#bytes, start + 4, end);
    view.setUint32(start, this.#previous, true);
    this.#length = end;
  }

  #reserve(length: number): void {
    if (length <= this.#bytes.length) return;
    const larger = new Uint8Array(Math.max(length, this.#bytes.length * 2));
    larger.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = larger;
    this.#view = new DataView(larger.buffer);
  }
}

/**
 * The record at `at`, or undefined where there is none that verifies before `limit`.
 *
 * @param previous what the record must name as the checksum before it; undefined where the reader
 *   has no way to know (the first record of the oldest file, an entry read on its own).
 */
export function readRecord(
  bytes: Uint8Array,
  at: number,
  limit: number,
  previous: number | undefined,
): FramedRecord | undefined {
  assert(limit <= bytes.length, "a reader stays inside its buffer");
  if (at + FRAME_BYTES > limit) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const end = at + FRAME_BYTES + view.getUint32(at + 4, true);
  if (end > limit) return undefined;
  const type = view.getUint32(at + 16, true);
  if (type === 0) return undefined;
  if (previous !== undefined && view.getUint32(at + 8, true) !== previous) return undefined;
  const checksum = view.getUint32(at, true);
  if (crc32c(bytes, at + 4, end) !== checksum) return undefined;
  return {
    checksum,
    group: view.getUint32(at + 12, true),
    type,
    payloadStart: at + FRAME_BYTES,
    end,
  };
}

/** An index or a raftTerm: up to 2^53 - 1, in eight bytes. */
export function setUint53(view: DataView, at: number, value: number): void {
  assert(Number.isSafeInteger(value) && value >= 0, "an index or term is 0 to 2^53 - 1");
  view.setUint32(at, value >>> 0, true);
  view.setUint32(at + 4, Math.floor(value / 2 ** 32), true);
}

export function getUint53(view: DataView, at: number): number {
  return view.getUint32(at, true) + view.getUint32(at + 4, true) * 2 ** 32;
}
