// SPDX-License-Identifier: Apache-2.0
/**
 * What stands at the beginning of every file's first record: whose it is, and in which format.
 *
 *     magic 8 bytes | format version u32 | cluster id 32 bytes
 *
 * This part and the frame around it stay as they are for ever, so that any version can refuse any
 * other by name. What follows belongs to the kind of file.
 */

import { assert } from "@conclave/base";
import { getUint53, setUint53 } from "./record.ts";

/** Raised when a file is written that the version before would misread. 1 was never released. */
const FORMAT_VERSION = 2;

export const CLUSTER_ID_BYTES = 32;
export const IDENTITY_BYTES: number = 8 + 4 + CLUSTER_ID_BYTES;

/** "conclave" as two little-endian words. */
const MAGIC_LOW = 0x636e6f63;
const MAGIC_HIGH = 0x6576616c;

export type Identity = "ours" | Misfit | "unknown";

/** A file that is whole and not for this version and cluster: named in the refusal. */
export type Misfit = "foreign" | "newer" | "older";

export function putIdentity(
  view: DataView,
  at: number,
  bytes: Uint8Array,
  clusterId: Uint8Array,
): void {
  assert(clusterId.length === CLUSTER_ID_BYTES, "a cluster id has 32 bytes");
  view.setUint32(at, MAGIC_LOW, true);
  view.setUint32(at + 4, MAGIC_HIGH, true);
  view.setUint32(at + 8, FORMAT_VERSION, true);
  bytes.set(clusterId, at + 12);
}

/** Whose the file is, from a record that has been verified; `unknown` is not one of this store's. */
export function identityAt(
  bytes: Uint8Array,
  at: number,
  end: number,
  clusterId: Uint8Array,
): Identity {
  if (end - at < IDENTITY_BYTES) return "unknown";
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const isMagic =
    view.getUint32(at, true) === MAGIC_LOW && view.getUint32(at + 4, true) === MAGIC_HIGH;
  if (!isMagic) return "unknown";
  const version = view.getUint32(at + 8, true);
  if (version !== FORMAT_VERSION) return version > FORMAT_VERSION ? "newer" : "older";
  for (let i = 0; i < CLUSTER_ID_BYTES; i++) {
    if (bytes[at + 12 + i] !== clusterId[i]) return "foreign";
  }
  return "ours";
}

/** What a segment says of itself and of the one that it continues. */
export interface SegmentHeader {
  readonly sequence: number;
  /** The segment before, 0 for the first one; files with numbers between the two are void. */
  readonly predecessor: number;
  /** Where the segment before ends; what it holds behind that is void. */
  readonly predecessorEnd: number;
  /** Up to here this segment was synced before it got its name. */
  readonly initialEnd: number;
}

export const SEGMENT_HEADER_BYTES: number = IDENTITY_BYTES + 16;

export function putSegmentHeader(view: DataView, at: number, header: SegmentHeader): void {
  view.setUint32(at, header.sequence, true);
  view.setUint32(at + 4, header.predecessor, true);
  view.setUint32(at + 8, header.predecessorEnd, true);
  view.setUint32(at + 12, header.initialEnd, true);
}

export function segmentHeaderAt(view: DataView, at: number): SegmentHeader {
  return {
    sequence: view.getUint32(at, true),
    predecessor: view.getUint32(at + 4, true),
    predecessorEnd: view.getUint32(at + 8, true),
    initialEnd: view.getUint32(at + 12, true),
  };
}

/** Where the synced log ends: the segment, the offset in it, and the checksum of the last record. */
export interface LogEnd {
  readonly sequence: number;
  readonly end: number;
  readonly checksum: number;
}

/** A mark: a log end, and a counter that tells the newer of two. */
export interface MarkContent extends LogEnd {
  readonly counter: number;
}

export const MARK_BYTES: number = IDENTITY_BYTES + 20;

export function putMark(view: DataView, at: number, mark: MarkContent): void {
  setUint53(view, at, mark.counter);
  view.setUint32(at + 8, mark.sequence, true);
  view.setUint32(at + 12, mark.end, true);
  view.setUint32(at + 16, mark.checksum, true);
}

export function markAt(view: DataView, at: number): MarkContent {
  return {
    counter: getUint53(view, at),
    sequence: view.getUint32(at + 8, true),
    end: view.getUint32(at + 12, true),
    checksum: view.getUint32(at + 16, true),
  };
}
