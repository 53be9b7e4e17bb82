// SPDX-License-Identifier: Apache-2.0
/**
 * The durable log of all groups of a node, over a Disk.
 *
 * One `append` takes the records of all groups of a turn: one durable write, and only then an answer
 * (S1). It decides nothing of Raft's, reads no clock, and never throws for a fault of the
 * disk: after the second fault in a row, on another file, it says `failed` and is done.
 */

import { assert } from "@conclave/base";
import type { GroupId } from "../ids.ts";
import type { LogEntry } from "../log/entry.ts";
import type { Disk, DiskFault, DiskResult } from "./disk.ts";
import { CLUSTER_ID_BYTES } from "./file-header.ts";
import { type Refused, type Rot, type Rotten, refusedByDisk } from "./finding.ts";
import type { EntryPosition, GroupLog } from "./group-log.ts";
import type { LogRecord } from "./log-record.ts";
import { createMark, type Mark } from "./mark.ts";
import { readRecord } from "./record.ts";
import { type Found, readDirectory } from "./recovery.ts";
import { decodeLogRecord, logOf, segmentName } from "./segment.ts";
import { type AppendOutcome, SegmentWriter } from "./segment-writer.ts";
import {
  readPart,
  readSnapshot,
  type Snapshot,
  type SnapshotHead,
  type SnapshotReading,
  snapshotName,
} from "./snapshot-file.ts";
import { beginSnapshot, firstChunkAt, type SnapshotWriter } from "./snapshot-writer.ts";
import { SpareSegment } from "./spare-segment.ts";

export interface StoreOptions {
  readonly disk: Disk;
  readonly clusterId: Uint8Array;
  readonly segmentBytes: number;
  /** Bytes of entries found at the start that are kept in memory; the rest is read when needed. */
  readonly recoveryCacheBytesMax: number;
}

export type OpenOutcome = { readonly kind: "opened"; readonly store: LogStore } | Rotten | Refused;

export type LoadOutcome =
  | { readonly kind: "loaded"; readonly entries: readonly LogEntry[] }
  /** The log begins behind the first of them, or does not reach it. */
  | { readonly kind: "gone" }
  | { readonly kind: "rotten"; readonly rot: Rot }
  | DiskFault;

export type PartOutcome =
  | { readonly kind: "read"; readonly bytes: Uint8Array }
  | { readonly kind: "gone" }
  | { readonly kind: "rotten"; readonly rot: Rot }
  | DiskFault;

export interface NewestSnapshot {
  readonly head: SnapshotHead;
  readonly totalBytes: number;
}

/** Reads at most this much at once when entries are not in memory, unless one entry is larger. */
const LOAD_BYTES_MAX = 1024 * 1024;

/** Takes the directory, verifies what it holds and makes it ready for appending. */
export async function openStore(options: StoreOptions): Promise<OpenOutcome> {
  const { disk, clusterId } = options;
  assert(clusterId.length === CLUSTER_ID_BYTES, "a cluster id has 32 bytes");
  const locked = await disk.lock();
  if (locked.kind === "fault") return refusedByDisk(locked);
  const outcome = await openLocked(options);
  if (outcome.kind !== "opened") await disk.unlock();
  return outcome;
}

async function openLocked(options: StoreOptions): Promise<OpenOutcome> {
  const { disk, clusterId } = options;
  const found = await readDirectory(disk, clusterId, options.recoveryCacheBytesMax);
  if (found.kind !== "found") return found;
  // Whatever the debris was superseded by must not be lost once it is gone.
  if (found.debris.length > 0) {
    const synced = await disk.syncDirectory();
    if (synced.kind === "fault") return refusedByDisk(synced);
  }
  for (const name of found.debris) {
    const removed = await disk.remove(name);
    if (removed.kind === "fault") return refusedByDisk(removed);
  }
  // The mark found is written anew, since after a failed sync its file could not be trusted.
  const mark = await createMark(disk, clusterId, {
    ...found.end,
    counter: (found.mark?.counter ?? 0) + 1,
  });
  if (mark.kind === "fault") return refusedByDisk(mark);
  const store = new LogStore(options, found, mark.value);
  const begun = await store.begin(found);
  if (begun.kind === "synced") return { kind: "opened", store };
  await store.close();
  const reason = begun.kind === "no-space" ? "no-space" : "io";
  const detail = begun.kind === "failed" ? begun.detail : "no room for the first log file";
  return { kind: "refused", reason, detail };
}

export class LogStore {
  readonly #disk: Disk;
  readonly #clusterId: Uint8Array;
  readonly #groups: Map<GroupId, GroupLog>;
  readonly #snapshots: Map<GroupId, Snapshot>;
  readonly #newest = new Map<GroupId, NewestSnapshot>();
  readonly #mark: Mark;
  readonly #spare: SpareSegment;
  readonly #writer: SegmentWriter;
  #removing: Promise<void> = Promise.resolve();
  #isAppending = false;
  #isFailed = false;

  constructor(options: StoreOptions, found: Found, mark: Mark) {
    this.#disk = options.disk;
    this.#clusterId = options.clusterId;
    this.#groups = found.groups;
    this.#snapshots = found.snapshots;
    for (const [group, snapshot] of found.snapshots) {
      const { index, raftTerm, configuration, bytes } = snapshot;
      this.#newest.set(group, {
        head: { index, raftTerm, configuration },
        totalBytes: bytes.length,
      });
    }
    this.#mark = mark;
    this.#spare = new SpareSegment(options.disk, options.segmentBytes);
    this.#writer = new SegmentWriter(options, found, this.#spare);
  }

  /** Called once, by `openStore`: writes anew what was found behind the durable end. */
  async begin(found: Found): Promise<AppendOutcome> {
    const isUsable = found.segments.length > 0 && !found.hasTail;
    let outcome: AppendOutcome = { kind: "synced" };
    if (!isUsable) outcome = await this.#append(found.tail, { isStart: true });
    if (outcome.kind !== "synced") return outcome;
    const resets = [...this.#groups].filter(([, log]) => log.isVoid);
    if (resets.length > 0) {
      const records = resets.map(([group, { base }]) => ({ kind: "reset" as const, group, base }));
      outcome = await this.#append(records, { isStart: false });
    }
    if (outcome.kind === "synced") void this.#spare.refill();
    return outcome;
  }

  /** Every group that the directory knows. */
  get groups(): Iterable<GroupId> {
    return this.#groups.keys();
  }

  log(group: GroupId): GroupLog {
    return logOf(this.#groups, group);
  }

  /** The newest snapshot as it was found at the start; handed out once, so that it can be freed. */
  takeSnapshot(group: GroupId): Snapshot | undefined {
    const snapshot = this.#snapshots.get(group);
    this.#snapshots.delete(group);
    return snapshot;
  }

  /** Bytes that can be appended without asking the disk for room. */
  get roomBytes(): number {
    return this.#writer.roomBytes;
  }

  /** The reserve could not be filled: what is left is for what must not wait. */
  get isShortOfSpace(): boolean {
    return this.#spare.fault?.reason === "no-space";
  }

  /** The reserve could not be filled for another reason than want of room. */
  get spareFault(): DiskFault | undefined {
    const { fault } = this.#spare;
    return fault?.reason === "no-space" ? undefined : fault;
  }

  /** Tries again to fill the reserve, once; called by a timer while the store is short of space. */
  async probeSpace(): Promise<void> {
    if (this.#isFailed) return;
    await this.#spare.refill();
  }

  /** Makes the records durable, in this order; one call at a time. */
  async append(records: readonly LogRecord[]): Promise<AppendOutcome> {
    return this.#append(records, { isStart: false });
  }

  async #append(
    records: readonly LogRecord[],
    { isStart }: { readonly isStart: boolean },
  ): Promise<AppendOutcome> {
    assert(!this.#isAppending, "S1: one append at a time");
    assert(!this.#isFailed, "S6: nothing is appended after a second fault");
    this.#isAppending = true;
    const outcome = await this.#writer.append(records, isStart, (from, positions, end) => {
      for (const [i, position] of positions.entries()) {
        this.#note(records[from + i]!, position, isStart);
      }
      this.#mark.moveTo(end);
    });
    this.#isAppending = false;
    this.#isFailed = outcome.kind === "failed";
    return outcome;
  }

  /** Entries from `from` on, read from disk and verified: at least one, at most `to`. */
  async load(group: GroupId, from: number, to: number): Promise<LoadOutcome> {
    const log = this.log(group);
    if (from <= log.base.index || from > log.lastIndex) return { kind: "gone" };
    const first = log.positionOf(from);
    const positions = [first];
    let end = first.offset + first.length;
    let last = from;
    while (last < Math.min(to, log.lastIndex)) {
      const next = log.positionOf(last + 1);
      const nextEnd = next.offset + next.length;
      if (next.segment !== first.segment || nextEnd - first.offset > LOAD_BYTES_MAX) break;
      positions.push(next);
      end = nextEnd;
      last += 1;
    }
    const { file } = this.#writer.segment(first.segment);
    const read = await file.read(first.offset, end - first.offset);
    if (read.kind === "fault") return read;
    const bytes = read.value;
    const entries: LogEntry[] = [];
    for (const [i, { offset, length }] of positions.entries()) {
      const index = from + i;
      const at = offset - first.offset;
      const record = readRecord(bytes, at, Math.min(at + length, bytes.length), undefined);
      const decoded = record === undefined ? undefined : decodeLogRecord(bytes, record);
      if (decoded?.kind !== "entry" || decoded.entry.index !== index) {
        const rot = {
          file: segmentName(first.segment),
          offset,
          end: offset + length,
          groups: [group],
        };
        return { kind: "rotten", rot };
      }
      entries.push(decoded.entry);
    }
    return { kind: "loaded", entries };
  }

  /** Begins a snapshot of a group's state, taken here or sent by a leader. */
  beginSnapshot(group: GroupId, head: SnapshotHead): Promise<DiskResult<SnapshotWriter>> {
    return beginSnapshot(this.#disk, this.#clusterId, group, head);
  }

  /**
   * Makes the snapshot durable and the group's newest; one that is not newer than that is dropped.
   * The log is as it was: `compact`, or a `reset` record for an installed one, follows.
   */
  async keepSnapshot(group: GroupId, writer: SnapshotWriter): Promise<DiskResult<void>> {
    const { head, totalBytes } = writer;
    const isNewer = head.index > (this.#newest.get(group)?.head.index ?? 0);
    if (!isNewer) {
      await writer.abandon();
      return { kind: "ok", value: undefined };
    }
    const written = await writer.finish();
    if (written.kind === "fault" || this.#isFailed) return written;
    const older = this.#newest.get(group);
    if (older !== undefined && older.head.index > head.index) {
      await this.#disk.remove(snapshotName(group, head.index));
      return written;
    }
    this.#newest.set(group, { head, totalBytes });
    // What is not removed now is found to be debris at the next start.
    if (older !== undefined) await this.#disk.remove(snapshotName(group, older.head.index));
    return written;
  }

  /** The newest durable snapshot of a group, and the bytes of its state. */
  newestSnapshot(group: GroupId): NewestSnapshot | undefined {
    return this.#newest.get(group);
  }

  /** The whole of a group's newest snapshot, read back. */
  readSnapshot(group: GroupId): Promise<SnapshotReading> {
    const newest = this.#newest.get(group);
    assert(newest !== undefined, "S9: a snapshot that is read back has been kept");
    return readSnapshot(this.#disk, this.#clusterId, group, newest.head.index);
  }

  /** A part of the snapshot that ends with `index`; `gone` if another has taken its place. */
  async readSnapshotPart(
    group: GroupId,
    index: number,
    offset: number,
    length: number,
  ): Promise<PartOutcome> {
    const newest = this.#newest.get(group);
    if (newest?.head.index !== index) return { kind: "gone" };
    const opened = await this.#disk.open(snapshotName(group, index));
    if (opened.kind === "fault") return opened.reason === "missing" ? { kind: "gone" } : opened;
    const part = await readPart(opened.value, firstChunkAt(newest.head), offset, length);
    await opened.value.close();
    if (part.kind !== "rot") return part;
    const rot = { file: snapshotName(group, index), offset, end: offset + length, groups: [group] };
    return { kind: "rotten", rot };
  }

  /** Forgets a group's log up to `to`, which its newest snapshot holds, and the files that only held it. */
  async compact(group: GroupId, to: number): Promise<void> {
    const newest = this.#newest.get(group)?.head.index ?? 0;
    assert(to <= newest, "R6: only what a durable snapshot holds is forgotten");
    this.log(group).compactTo(to);
    await this.#removeOldest();
  }

  /** Groups whose entries keep segments alive that are older than the newest `segmentsMax`. */
  groupsPinning(segmentsMax: number): readonly GroupId[] {
    return [...this.#writer.lastIndicesBefore(segmentsMax)]
      .filter(([group, lastIndex]) => !this.#isPast(group, lastIndex))
      .map(([group]) => group);
  }

  /** Lets the mark follow the log; called at each beat, and costs nothing when the log is still. */
  writeMark(): void {
    this.#mark.write();
  }

  /** Makes the mark durable; for when the log goes idle. */
  async settle(): Promise<void> {
    await this.#mark.settle();
  }

  /** Closes all files and gives the directory back; waits for what is under way. */
  async close(): Promise<void> {
    await this.#spare.close();
    await this.#mark.settle();
    await this.#mark.close();
    await this.#writer.close();
    await this.#disk.unlock();
  }

  #note(record: LogRecord, position: EntryPosition, isStart: boolean): void {
    const log = this.log(record.group);
    if (record.kind === "hard-state") log.hardState = record.hardState;
    else if (!isStart)
      record.kind === "reset" ? log.resetTo(record.base) : log.add(record.entry, position);
    else if (record.kind === "reset") log.recoverReset(record.base);
    else log.recover(record.entry, position, true);
  }

  /** One after the other, since each looks for the oldest segment. */
  #removeOldest(): Promise<void> {
    this.#removing = this.#removing.then(async () => {
      if (this.#isFailed) return;
      await this.#writer.removeOldest((group, lastIndex) => this.#isPast(group, lastIndex));
      if (this.isShortOfSpace) await this.probeSpace();
    });
    return this.#removing;
  }

  #isPast(group: GroupId, lastIndex: number): boolean {
    return lastIndex <= this.log(group).base.index;
  }
}
