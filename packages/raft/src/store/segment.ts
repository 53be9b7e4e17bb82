// SPDX-License-Identifier: Apache-2.0
/**
 * One file of the log, and the replay of its records into the groups' logs.
 *
 * Replay reads each byte once and stops at the first record that does not verify; whether that is
 * rot or a torn tail depends only on where the synced part ends.
 */

import { assert } from "@conclave/base";
import type { GroupId } from "../ids.ts";
import type { LogEntry } from "../log/entry.ts";
import type { DiskFile } from "./disk.ts";
import type { SegmentHeader } from "./file-header.ts";
import { type Rotten, rotten } from "./finding.ts";
import { GroupLog } from "./group-log.ts";
import {
  baseAt,
  checkpointAt,
  ENTRY_PREFIX_BYTES,
  hardStateAt,
  type LogRecord,
} from "./log-record.ts";
import { type FramedRecord, getUint53, RECORD_TYPE, readRecord } from "./record.ts";

export interface Segment {
  readonly file: DiskFile;
  readonly header: SegmentHeader;
  readonly capacity: number;
  /**
   * The index of each group's last record in it. Whatever a group's log had up to the end of this
   * segment ends with it; a record before it with a higher index has been replaced.
   */
  readonly lastIndexOf: Map<GroupId, number>;
}

/** Remembers up to where a group must have forgotten its log before this segment and those before can go. */
export function noteIndex(segment: Segment, record: LogRecord): void {
  if (record.kind === "hard-state") return;
  const index = record.kind === "entry" ? record.entry.index : record.base.index;
  segment.lastIndexOf.set(record.group, index);
}

const NAME = /^log-(\d{10})$/;

export function segmentName(sequence: number): string {
  return `log-${String(sequence).padStart(10, "0")}`;
}

export function segmentSequence(name: string): number | undefined {
  const match = NAME.exec(name);
  return match === null ? undefined : Number(match[1]);
}

export interface Replay {
  readonly segment: Segment;
  readonly bytes: Uint8Array;
  readonly groups: Map<GroupId, GroupLog>;
  /** Checksum of the record before the segment's first; undefined if that is gone with its file. */
  readonly previous: number | undefined;
  /** All before this verifies, or it is rot. */
  readonly syncedEnd: number;
  readonly isNewest: boolean;
  readonly cacheBytesLeft: number;
}

export interface Replayed {
  readonly kind: "replayed";
  /** The checksum of the last synced record. */
  readonly checksum: number;
  readonly tail: readonly LogRecord[];
  readonly hasTail: boolean;
  readonly cacheBytesLeft: number;
}

export function replaySegment(
  replay: Replay,
): Replayed | Rotten | { readonly kind: "unknown-type" } {
  const { segment, bytes, syncedEnd } = replay;
  const name = segmentName(segment.header.sequence);
  if (syncedEnd > bytes.length) return rotten(name, bytes.length, syncedEnd);
  let cacheBytesLeft = replay.cacheBytesLeft;
  let checksum = replay.previous;
  let at = 0;
  while (at < syncedEnd) {
    const record = readRecord(bytes, at, syncedEnd, checksum);
    if (record === undefined) return rotten(name, at, syncedEnd);
    const entry = replayRecord(replay, record, at, cacheBytesLeft);
    if (entry.kind !== "replayed") return entry;
    cacheBytesLeft -= entry.cachedBytes;
    checksum = record.checksum;
    at = record.end;
  }
  assert(checksum !== undefined, "S3: a segment begins with its header");
  const tail = replay.isNewest ? readTail(bytes, syncedEnd, checksum) : [];
  const hasTail = replay.isNewest && bytes.subarray(syncedEnd).some((byte) => byte !== 0);
  return { kind: "replayed", checksum, tail, hasTail, cacheBytesLeft };
}

/** What verifies behind the synced part, up to the first record that does not. */
function readTail(bytes: Uint8Array, start: number, checksum: number): readonly LogRecord[] {
  const tail: LogRecord[] = [];
  let previous = checksum;
  for (let at = start; ; ) {
    const record = readRecord(bytes, at, bytes.length, previous);
    const decoded = record === undefined ? undefined : decodeLogRecord(bytes, record);
    if (record === undefined || decoded === undefined) return tail;
    tail.push(decoded);
    previous = record.checksum;
    at = record.end;
  }
}

type RecordReplayed =
  | { readonly kind: "replayed"; readonly cachedBytes: number }
  | { readonly kind: "unknown-type" }
  | Rotten;

const NOTHING_CACHED: RecordReplayed = { kind: "replayed", cachedBytes: 0 };

function replayRecord(
  replay: Replay,
  record: FramedRecord,
  at: number,
  cacheBytesLeft: number,
): RecordReplayed {
  const { bytes, segment } = replay;
  const { group } = record;
  if (record.type === RECORD_TYPE.segmentHeader) return NOTHING_CACHED;
  const log = logOf(replay.groups, group);
  const missing = (): Rotten =>
    rotten(segmentName(segment.header.sequence), at, record.end, [group]);
  if (record.type === RECORD_TYPE.checkpoint) {
    const checkpoint = checkpointAt(viewOf(bytes), record.payloadStart);
    // A log shorter than this says has lost a file, or the snapshot that the file was removed for.
    if (log.lastIndex < checkpoint.lastIndex && !log.isVoid) return missing();
    log.hardState = checkpoint.hardState;
    return NOTHING_CACHED;
  }
  const decoded = decodeLogRecord(bytes, record);
  if (decoded === undefined) return { kind: "unknown-type" };
  if (decoded.kind === "hard-state") {
    log.hardState = decoded.hardState;
    return NOTHING_CACHED;
  }
  noteIndex(segment, decoded);
  if (decoded.kind === "reset") {
    return log.recoverReset(decoded.base) === "missing" ? missing() : NOTHING_CACHED;
  }
  const { entry } = decoded;
  const sequence = segment.header.sequence;
  const position = { segment: sequence, offset: at, length: record.end - at };
  // Configurations are few, small, and asked for as soon as the group begins.
  const isCached = entry.type === "configuration" || entry.bytes.length <= cacheBytesLeft;
  const recovered = log.recover(entry, position, isCached);
  if (recovered === "missing") return missing();
  return { kind: "replayed", cachedBytes: isCached ? entry.bytes.length : 0 };
}

/** The record's meaning, its bytes copied; undefined for a type that this version does not know. */
export function decodeLogRecord(bytes: Uint8Array, record: FramedRecord): LogRecord | undefined {
  const { group } = record;
  const at = record.payloadStart;
  if (record.type === RECORD_TYPE.hardState) {
    return { kind: "hard-state", group, hardState: hardStateAt(viewOf(bytes), at) };
  }
  const view = viewOf(bytes);
  if (record.type === RECORD_TYPE.reset) return { kind: "reset", group, base: baseAt(view, at) };
  const type = entryTypeOf(record.type);
  if (type === undefined) return undefined;
  const entry: LogEntry = {
    index: getUint53(view, at),
    raftTerm: getUint53(view, at + 8),
    type,
    bytes: bytes.slice(at + ENTRY_PREFIX_BYTES, record.end),
  };
  return { kind: "entry", group, entry };
}

function entryTypeOf(recordType: number): LogEntry["type"] | undefined {
  switch (recordType) {
    case RECORD_TYPE.proposal:
      return "proposal";
    case RECORD_TYPE.noop:
      return "noop";
    case RECORD_TYPE.configuration:
      return "configuration";
    default:
      return undefined;
  }
}

export function logOf(groups: Map<GroupId, GroupLog>, group: GroupId): GroupLog {
  let log = groups.get(group);
  if (log === undefined) {
    log = new GroupLog();
    groups.set(group, log);
  }
  return log;
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
