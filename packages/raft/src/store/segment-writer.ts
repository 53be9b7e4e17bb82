// SPDX-License-Identifier: Apache-2.0
/**
 * Appends records to the newest segment, and begins a new one when it is full or has failed.
 *
 * A sync is never repeated on a file whose sync has failed (S6): the records since the last good one
 * are written to a new segment, whose header cuts the old one off. A second fault in a row is final.
 */

import { assert } from "@conclave/base";
import type { GroupId } from "../ids.ts";
import type { Disk, DiskFault, DiskFile } from "./disk.ts";
import {
  IDENTITY_BYTES,
  type LogEnd,
  putIdentity,
  putSegmentHeader,
  SEGMENT_HEADER_BYTES,
} from "./file-header.ts";
import type { EntryPosition, GroupLog } from "./group-log.ts";
import {
  CHECKPOINT_RECORD_BYTES,
  type LogRecord,
  recordBytesOf,
  writeCheckpoint,
  writeLogRecord,
} from "./log-record.ts";
import { FRAME_BYTES, RECORD_TYPE, RecordWriter } from "./record.ts";
import type { Found } from "./recovery.ts";
import { noteIndex, type Segment, segmentName } from "./segment.ts";
import type { SpareSegment } from "./spare-segment.ts";

/** Told of records that have become durable: the first one's number, their places, the log's new end. */
export type OnSynced = (from: number, positions: readonly EntryPosition[], end: LogEnd) => void;

/** All records are durable, or the first `synced` of them are, or the disk failed twice. */
export type AppendOutcome =
  | { readonly kind: "synced" }
  | { readonly kind: "no-space"; readonly synced: number }
  | { readonly kind: "failed"; readonly detail: string };

type Step =
  | { readonly kind: "synced"; readonly positions: readonly EntryPosition[] }
  | { readonly kind: "full" }
  | DiskFault;

export interface SegmentWriterOptions {
  readonly disk: Disk;
  readonly clusterId: Uint8Array;
  readonly segmentBytes: number;
}

export class SegmentWriter {
  readonly #options: SegmentWriterOptions;
  readonly #spare: SpareSegment;
  readonly #groups: ReadonlyMap<GroupId, GroupLog>;
  readonly #segments: Segment[];
  #end: LogEnd;
  #highestSequence: number;
  /** The newest segment takes nothing more: a write or sync of it has failed. */
  #isDistrusted = false;
  /** The spare has been taken and is no segment yet: its room is there all the while. */
  #isBeginning = false;

  constructor(options: SegmentWriterOptions, found: Found, spare: SpareSegment) {
    this.#options = options;
    this.#spare = spare;
    this.#groups = found.groups;
    this.#segments = found.segments;
    this.#end = found.end;
    this.#highestSequence = found.highestSequence;
  }

  get roomBytes(): number {
    const newest = this.#segments.at(-1);
    const isClosed = newest === undefined || this.#isDistrusted || this.#isBeginning;
    const here = isClosed ? 0 : newest.capacity - this.#end.end;
    const next = this.#isBeginning ? this.#options.segmentBytes : this.#spare.roomBytes;
    return here + Math.max(0, next - this.#overheadBytes());
  }

  segment(sequence: number): Segment {
    const segment = this.#segments.find((candidate) => candidate.header.sequence === sequence);
    assert(segment !== undefined, "S7: a segment stays while a group needs it");
    return segment;
  }

  /** @param isStart all records go to one new segment, since they stand behind the end of the last one. */
  async append(
    records: readonly LogRecord[],
    isStart: boolean,
    onSynced: OnSynced,
  ): Promise<AppendOutcome> {
    let from = 0;
    let mustBegin = isStart || this.#isDistrusted;
    let hadFault = false;
    while (mustBegin || from < records.length) {
      const step: Step = mustBegin
        ? await this.#begin(records, from, isStart)
        : await this.#extend(records, from);
      this.#isBeginning = false;
      if (step.kind === "synced") {
        onSynced(from, step.positions, this.#end);
        from += step.positions.length;
        mustBegin = false;
        hadFault = false;
      } else if (step.kind === "full") {
        mustBegin = true;
      } else if (step.reason === "no-space") {
        return { kind: "no-space", synced: from };
      } else if (hadFault) {
        return { kind: "failed", detail: step.detail };
      } else {
        hadFault = true;
        mustBegin = true;
      }
    }
    return { kind: "synced" };
  }

  /** Where each group's log ended in the segments that are older than the newest so many. */
  lastIndicesBefore(newest: number): ReadonlyMap<GroupId, number> {
    const older = this.#segments.slice(0, Math.max(0, this.#segments.length - newest));
    return new Map(older.flatMap(({ lastIndexOf }) => [...lastIndexOf]));
  }

  /**
   * Removes the oldest segments, as many as all groups are past (S7). The newest of them goes first,
   * durably: those before it are no part of the log then. So no crash leaves entries that have been
   * replaced without those that replaced them.
   */
  async removeOldest(isPast: (group: GroupId, lastIndex: number) => boolean): Promise<void> {
    const { disk } = this.#options;
    const count = this.#countPast(isPast);
    const newest = this.#segments[count - 1];
    if (newest === undefined) return;
    const removed = await disk.remove(segmentName(newest.header.sequence));
    if (removed.kind === "fault" && removed.reason !== "missing") return;
    const gone = this.#segments.splice(0, count);
    for (const segment of gone) await segment.file.close();
    const synced = await disk.syncDirectory();
    if (synced.kind === "fault") return;
    // What is not removed now is found to be debris at the next start.
    for (const { header } of gone.slice(0, -1)) await disk.remove(segmentName(header.sequence));
  }

  async close(): Promise<void> {
    for (const segment of this.#segments) await segment.file.close();
  }

  /** How many of the oldest segments hold nothing that counts. The newest stays. */
  #countPast(isPast: (group: GroupId, lastIndex: number) => boolean): number {
    const pinning = new Set<GroupId>();
    let count = 0;
    for (const [i, { lastIndexOf }] of this.#segments.slice(0, -1).entries()) {
      for (const [group, lastIndex] of lastIndexOf) {
        if (isPast(group, lastIndex)) pinning.delete(group);
        else pinning.add(group);
      }
      if (pinning.size === 0) count = i + 1;
    }
    return count;
  }

  async #extend(records: readonly LogRecord[], from: number): Promise<Step> {
    const segment = this.#segments.at(-1);
    assert(segment !== undefined, "S1: a store has a segment before it appends");
    const { end } = this.#end;
    const encoded = encode(records, from, this.#end, segment.capacity);
    if (encoded.positions.length === 0) return { kind: "full" };
    const { writer, positions } = encoded;
    const written = await segment.file.writeDurably(end, writer.bytes);
    if (written.kind === "fault") {
      this.#isDistrusted = true;
      // Whatever the disk calls it, the pages are lost: this is never "no room, try again here".
      return { ...written, reason: "io" };
    }
    noteIndices(segment, records, from, positions.length);
    this.#end = { ...this.#end, end: end + writer.length, checksum: writer.checksum };
    return { kind: "synced", positions };
  }

  async #begin(records: readonly LogRecord[], from: number, isStart: boolean): Promise<Step> {
    this.#isBeginning = this.#spare.roomBytes > 0;
    const { segmentBytes } = this.#options;
    // The new segment cuts off what it repeats: a part of that in it would be the loss of the rest.
    const capacity = isStart ? Math.max(segmentBytes, this.#bytesOf(records)) : segmentBytes;
    const taken = await this.#spare.take(capacity);
    if (taken.kind === "fault") return taken;
    const file = taken.value;
    this.#isBeginning = true;
    // A number is used once, even if the segment is given up, so that no name is ever ambiguous.
    this.#highestSequence += 1;
    const sequence = this.#highestSequence;
    const writer = new RecordWriter(this.#end.checksum, 64 * 1024);
    const initialEnd = this.#writeHeader(writer, sequence, records, from, capacity);
    const top = { sequence, end: writer.length, checksum: writer.checksum };
    const encoded = encode(records, from, top, capacity, writer);
    assert(writer.length === initialEnd, "S3: a segment's header says where its first part ends");
    const isStuck = encoded.positions.length === 0 && from < records.length;
    assert(!isStuck, "S1: an entry fits into a segment");

    const fault = await this.#publish(file, sequence, writer.bytes);
    if (fault !== undefined) {
      // Its name may come back after a power cut and cut the newest segment off here (S5), so that
      // one takes nothing more: the next segment makes this one void.
      this.#isDistrusted = true;
      return fault;
    }
    const header = {
      sequence,
      predecessor: this.#end.sequence,
      predecessorEnd: this.#end.end,
      initialEnd,
    };
    const segment: Segment = { file, header, capacity, lastIndexOf: new Map() };
    noteIndices(segment, records, from, encoded.positions.length);
    this.#segments.push(segment);
    this.#end = { sequence, end: writer.length, checksum: writer.checksum };
    this.#isDistrusted = false;
    void this.#spare.refill();
    return { kind: "synced", positions: encoded.positions };
  }

  /** Header and checkpoints; returns where the records that follow and fit will end. */
  #writeHeader(
    writer: RecordWriter,
    sequence: number,
    records: readonly LogRecord[],
    from: number,
    capacity: number,
  ): number {
    let initialEnd = this.#overheadBytes();
    for (let i = from; i < records.length; i++) {
      const length = recordBytesOf(records[i]!);
      if (initialEnd + length > capacity) break;
      initialEnd += length;
    }
    const { sequence: predecessor, end: predecessorEnd } = this.#end;
    writer.add(RECORD_TYPE.segmentHeader, 0, SEGMENT_HEADER_BYTES, (view, at, bytes) => {
      putIdentity(view, at, bytes, this.#options.clusterId);
      const header = { sequence, predecessor, predecessorEnd, initialEnd };
      putSegmentHeader(view, at + IDENTITY_BYTES, header);
    });
    for (const [group, log] of this.#groups) writeCheckpoint(writer, group, log);
    return initialEnd;
  }

  /** Written, synced, named, and the name synced: in this order. */
  async #publish(
    file: DiskFile,
    sequence: number,
    bytes: Uint8Array,
  ): Promise<DiskFault | undefined> {
    const { disk } = this.#options;
    const name = segmentName(sequence);
    let done = await file.writeDurably(0, bytes);
    if (done.kind === "ok") done = await disk.rename(file.name, name);
    if (done.kind === "ok") done = await disk.syncDirectory();
    if (done.kind === "ok") return undefined;
    await file.close();
    await disk.remove(file.name);
    await disk.remove(name);
    return done;
  }

  /** What a segment takes that holds these records. */
  #bytesOf(records: readonly LogRecord[]): number {
    return records.reduce((sum, record) => sum + recordBytesOf(record), this.#overheadBytes());
  }

  #overheadBytes(): number {
    return FRAME_BYTES + SEGMENT_HEADER_BYTES + this.#groups.size * CHECKPOINT_RECORD_BYTES;
  }
}

/** As many records as fit behind `top` in a segment, and where they will lie. */
function encode(
  records: readonly LogRecord[],
  from: number,
  top: LogEnd,
  capacity: number,
  writer: RecordWriter = new RecordWriter(top.checksum, 16 * 1024),
): { readonly writer: RecordWriter; readonly positions: readonly EntryPosition[] } {
  const positions: EntryPosition[] = [];
  let end = top.end;
  for (let i = from; i < records.length; i++) {
    const record = records[i]!;
    const length = recordBytesOf(record);
    if (end + length > capacity) break;
    writeLogRecord(writer, record);
    positions.push({ segment: top.sequence, offset: end, length });
    end += length;
  }
  return { writer, positions };
}

function noteIndices(
  segment: Segment,
  records: readonly LogRecord[],
  from: number,
  count: number,
): void {
  for (let i = from; i < from + count; i++) noteIndex(segment, records[i]!);
}
