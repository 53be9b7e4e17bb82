// SPDX-License-Identifier: Apache-2.0
/**
 * Opens the segments that make up the log: the newest, the one that it names, and so on.
 *
 * A segment between two that name each other was begun and given up; it is void.
 */

import type { Disk } from "./disk.ts";
import {
  IDENTITY_BYTES,
  identityAt,
  type MarkContent,
  SEGMENT_HEADER_BYTES,
  type SegmentHeader,
  segmentHeaderAt,
} from "./file-header.ts";
import { type Refused, type Rotten, refusedByDisk, refusedIdentity, rotten } from "./finding.ts";
import { FRAME_BYTES, RECORD_TYPE, readRecord } from "./record.ts";
import { type Segment, segmentName, segmentSequence } from "./segment.ts";

export interface SegmentChain {
  readonly kind: "chain";
  /** Oldest first. */
  readonly segments: Segment[];
}

export async function openChain(
  disk: Disk,
  clusterId: Uint8Array,
  names: readonly string[],
  mark: MarkContent | undefined,
): Promise<SegmentChain | Rotten | Refused> {
  const sequences = names.flatMap((name) => segmentSequence(name) ?? []);
  const newest = Math.max(0, ...sequences);
  if (mark !== undefined && mark.sequence > newest) {
    return rotten(segmentName(mark.sequence), 0, mark.end);
  }
  const segments: Segment[] = [];
  let sequence = newest;
  while (sequence > 0 && sequences.includes(sequence)) {
    const opened = await openSegment(disk, clusterId, sequence);
    if (opened.kind !== "segment") return opened;
    segments.unshift(opened.segment);
    sequence = opened.segment.header.predecessor;
  }
  return { kind: "chain", segments };
}

async function openSegment(
  disk: Disk,
  clusterId: Uint8Array,
  sequence: number,
): Promise<{ readonly kind: "segment"; readonly segment: Segment } | Rotten | Refused> {
  const name = segmentName(sequence);
  const opened = await disk.open(name);
  if (opened.kind === "fault") return refusedByDisk(opened);
  const file = opened.value;
  const size = await file.size();
  if (size.kind === "fault") return refusedByDisk(size);
  const read = await file.read(0, FRAME_BYTES + SEGMENT_HEADER_BYTES);
  if (read.kind === "fault") return refusedByDisk(read);
  const bytes = read.value;
  const record = readRecord(bytes, 0, bytes.length, undefined);
  // A segment is synced before it gets its name, so no crash can leave one without a header.
  if (record?.type !== RECORD_TYPE.segmentHeader) return rotten(name, 0, bytes.length);
  const identity = identityAt(bytes, record.payloadStart, record.end, clusterId);
  if (identity === "unknown") return rotten(name, 0, bytes.length);
  if (identity !== "ours") return refusedIdentity(identity, name);
  const header: SegmentHeader = segmentHeaderAt(
    new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength),
    record.payloadStart + IDENTITY_BYTES,
  );
  const isNamedRightly = header.sequence === sequence && header.predecessor < sequence;
  if (!isNamedRightly) return rotten(name, 0, bytes.length);
  const segment = { file, header, capacity: size.value, lastIndexOf: new Map<number, number>() };
  return { kind: "segment", segment };
}
