// SPDX-License-Identifier: Apache-2.0
/**
 * Reads a directory and says what it holds. Changes nothing, so that rot can be looked at as found.
 *
 * The newest segment names the one before it and where that one ends, and so on back to the oldest
 * that is still there. All of it up to the mark must verify (S4); what verifies behind the mark was
 * written but is not known to be durable, and is handed out apart, to be written anew (S6).
 */

import { assert } from "@conclave/base";
import type { GroupId } from "../ids.ts";
import type { Disk } from "./disk.ts";
import type { LogEnd, MarkContent } from "./file-header.ts";
import {
  type Refused,
  type Rot,
  type Rotten,
  refusedByDisk,
  refusedIdentity,
  rotten,
} from "./finding.ts";
import { GroupLog } from "./group-log.ts";
import type { LogRecord } from "./log-record.ts";
import { MARK_NAME, readMark } from "./mark.ts";
import { replaySegment, type Segment, segmentName, segmentSequence } from "./segment.ts";
import { openChain } from "./segment-chain.ts";
import { parseSnapshotName, readSnapshot, type Snapshot } from "./snapshot-file.ts";

/** What the store itself may have left over. Anything else in the directory is somebody's. */
const OUR_NAMES = /^(log-\d{10}|snapshot-\d+-\d+(\.tmp)?|spare-\d+|mark\.tmp)$/;

export interface Found {
  readonly kind: "found";
  /** Undefined in a new directory. */
  readonly mark: MarkContent | undefined;
  readonly groups: Map<GroupId, GroupLog>;
  readonly snapshots: Map<GroupId, Snapshot>;
  /** Oldest first. */
  readonly segments: Segment[];
  /** Where the durable log ends. */
  readonly end: LogEnd;
  /** Records behind the end that verify. */
  readonly tail: readonly LogRecord[];
  /** Something, whole or torn, stands behind the end. */
  readonly hasTail: boolean;
  /** Files that nothing needs. */
  readonly debris: readonly string[];
  /** The highest number that a segment, void ones included, has borne. */
  readonly highestSequence: number;
}

export async function readDirectory(
  disk: Disk,
  clusterId: Uint8Array,
  cacheBytesMax: number,
): Promise<Found | Rotten | Refused> {
  const listed = await disk.list();
  if (listed.kind === "fault") return refusedByDisk(listed);
  const names = listed.value;
  const mark = await findMark(disk, clusterId, names);
  if (mark.kind !== "found-mark") return mark;
  const found = await findSnapshots(disk, clusterId, names);
  if (found.kind !== "found-snapshots") return found;
  const chain = await openChain(disk, clusterId, names, mark.content);
  if (chain.kind !== "chain") return chain;

  const groups = new Map<GroupId, GroupLog>();
  for (const [group, { index, raftTerm }] of found.snapshots) {
    groups.set(group, new GroupLog({ index, raftTerm }));
  }
  const tail: LogRecord[] = [];
  let end: LogEnd = { sequence: 0, end: 0, checksum: 0 };
  let hasTail = false;
  let cacheBytesLeft = cacheBytesMax;
  for (const [i, segment] of chain.segments.entries()) {
    const next = chain.segments[i + 1];
    const read = await segment.file.read(0, segment.capacity);
    if (read.kind === "fault") return refusedByDisk(read);
    const syncedEnd = next?.header.predecessorEnd ?? newestEnd(segment, mark.content);
    const replayed = replaySegment({
      segment,
      bytes: read.value,
      groups,
      previous: i === 0 ? undefined : end.checksum,
      syncedEnd,
      isNewest: next === undefined,
      cacheBytesLeft,
    });
    if (replayed.kind === "rotten") return replayed;
    if (replayed.kind === "unknown-type") {
      return {
        kind: "refused",
        reason: "newer",
        detail: `${segmentName(segment.header.sequence)} has an unknown record`,
      };
    }
    cacheBytesLeft = replayed.cacheBytesLeft;
    // A snapshot may be ahead of a mark that lags; what it holds need not be written again.
    for (const record of replayed.tail) {
      if (!isInSnapshot(record, groups)) tail.push(record);
    }
    hasTail = replayed.hasTail;
    end = { sequence: segment.header.sequence, end: syncedEnd, checksum: replayed.checksum };
  }
  const rot = disagreement(mark.content, end);
  if (rot !== undefined) return rot;
  return {
    kind: "found",
    mark: mark.content,
    groups,
    snapshots: found.snapshots,
    segments: chain.segments,
    end,
    tail,
    hasTail,
    debris: debrisOf(names, chain.segments, found.snapshots),
    highestSequence: Math.max(0, ...names.map((name) => segmentSequence(name) ?? 0)),
  };
}

async function findMark(
  disk: Disk,
  clusterId: Uint8Array,
  names: readonly string[],
): Promise<{ kind: "found-mark"; content: MarkContent | undefined } | Rotten | Refused> {
  if (!names.includes(MARK_NAME)) {
    const isNew = names.every(
      (name) => segmentSequence(name) === undefined && parseSnapshotName(name) === undefined,
    );
    // The mark is made durable before the first segment gets its name, so it cannot be missing.
    return isNew ? { kind: "found-mark", content: undefined } : rotten(MARK_NAME, 0, 0);
  }
  const opened = await disk.open(MARK_NAME);
  if (opened.kind === "fault") return refusedByDisk(opened);
  const size = await opened.value.size();
  const read = size.kind === "ok" ? await opened.value.read(0, size.value) : size;
  await opened.value.close();
  if (read.kind === "fault") return refusedByDisk(read);
  const reading = readMark(read.value, clusterId);
  switch (reading.kind) {
    case "read":
      return { kind: "found-mark", content: reading.content };
    case "unreadable":
      return rotten(MARK_NAME, 0, read.value.length);
    default:
      return refusedIdentity(reading.kind, MARK_NAME);
  }
}

async function findSnapshots(
  disk: Disk,
  clusterId: Uint8Array,
  names: readonly string[],
): Promise<{ kind: "found-snapshots"; snapshots: Map<GroupId, Snapshot> } | Rotten | Refused> {
  const newest = new Map<GroupId, number>();
  for (const name of names) {
    const parsed = parseSnapshotName(name);
    if (parsed === undefined) continue;
    newest.set(parsed.group, Math.max(parsed.index, newest.get(parsed.group) ?? 0));
  }
  const snapshots = new Map<GroupId, Snapshot>();
  const rot: Rot[] = [];
  for (const [group, index] of newest) {
    const reading = await readSnapshot(disk, clusterId, group, index);
    if (reading.kind === "read") snapshots.set(group, reading.snapshot);
    else if (reading.kind === "fault") return refusedByDisk(reading);
    else if (reading.kind === "rot") {
      const { offset, end } = reading;
      rot.push({ file: `snapshot-${group}-${index}`, offset, end, groups: [group] });
    } else return refusedIdentity(reading.kind, `snapshot-${group}-${index}`);
  }
  return rot.length > 0 ? { kind: "rotten", rot } : { kind: "found-snapshots", snapshots };
}

/** The entry with which a snapshot ends is none of these: it tells whether those behind it follow. */
function isInSnapshot(record: LogRecord, groups: ReadonlyMap<GroupId, GroupLog>): boolean {
  if (record.kind !== "entry") return false;
  return record.entry.index < (groups.get(record.group)?.base.index ?? 0);
}

/** Up to where the newest segment is known to have been synced. */
function newestEnd(segment: Segment, mark: MarkContent | undefined): number {
  const { header } = segment;
  if (mark === undefined || mark.sequence !== header.sequence) return header.initialEnd;
  return Math.max(header.initialEnd, mark.end);
}

/** The mark must name a record that is there, unless it lags behind a change of segments. */
function disagreement(mark: MarkContent | undefined, end: LogEnd): Rotten | undefined {
  if (mark === undefined || mark.sequence !== end.sequence || mark.end !== end.end)
    return undefined;
  return mark.checksum === end.checksum ? undefined : rotten(MARK_NAME, 0, 0);
}

function debrisOf(
  names: readonly string[],
  segments: readonly Segment[],
  snapshots: ReadonlyMap<GroupId, Snapshot>,
): readonly string[] {
  const live = new Set(segments.map((segment) => segmentName(segment.header.sequence)));
  for (const [group, snapshot] of snapshots) live.add(`snapshot-${group}-${snapshot.index}`);
  assert(!live.has(MARK_NAME), "S9: files are told apart by their names");
  return names.filter((name) => {
    return OUR_NAMES.test(name) && !live.has(name);
  });
}
