// SPDX-License-Identifier: Apache-2.0
/**
 * The durable log of all groups of a node, over a Disk.
 *
 * One `append` takes the records of all groups of a turn: one write, one datasync, and only then an
 * answer (S1). It decides nothing of Raft's, reads no clock, and never throws for a fault of the
 * disk: after the second fault in a row, on another file, it says `failed` and is done.
 */

import { assert } from "@conclave/base";
import type { GroupId } from "../ids.ts";
import type { LogEntry } from "../log/entry.ts";
import type { Disk, DiskFault, DiskResult } from "./disk.ts";
import { CLUSTER_ID_BYTES } from "./file-header.ts";
import { type Refused, type Rot, type Rotten, refusedByDisk } from "./finding.ts";
import type { GroupLog, LogBase } from "./group-log.ts";
import type { LogRecord } from "./log-record.ts";
import { createMark, type Mark } from "./mark.ts";
import { readRecord } from "./record.ts";
import { type Found, readDirectory } from "./recovery.ts";
import { decodeLogRecord, logOf, type Segment, segmentName } from "./segment.ts";
import { type AppendOutcome, SegmentWriter } from "./segment-writer.ts";
import { type Snapshot, snapshotName, writeSnapshot } from "./snapshot-file.ts";
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
  | { readonly kind: "rotten"; readonly rot: Rot }
  | DiskFault;

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
  readonly #snapshotIndexOf = new Map<GroupId, number>();
  readonly #mark: Mark;
  readonly #spare: SpareSegment;
  readonly #writer: SegmentWriter;
  #isAppending = false;
  #isFailed = false;

  constructor(options: StoreOptions, found: Found, mark: Mark) {
    this.#disk = options.disk;
    this.#clusterId = options.clusterId;
    this.#groups = found.groups;
    this.#snapshots = found.snapshots;
    for (const [group, snapshot] of found.snapshots) {
      this.#snapshotIndexOf.set(group, snapshot.index);
    }
    this.#mark = mark;
    this.#spare = new SpareSegment(options.disk, options.segmentBytes);
    this.#writer = new SegmentWriter(options, found, this.#spare);
  }

  /** Called once, by `openStore`: writes anew what was found behind the durable end. */
  async begin(found: Found): Promise<AppendOutcome> {
    const isUsable = found.segments.length > 0 && !found.hasTail;
    const outcome: AppendOutcome = isUsable
      ? { kind: "synced" }
      : await this.#append(found.tail, true);
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
    return this.#spare.isShortOfSpace;
  }

  /** Tries again to fill the reserve, once; called by a timer while the store is short of space. */
  async probeSpace(): Promise<void> {
    if (this.#isFailed) return;
    await this.#spare.refill();
  }

  /** Makes the records durable, in this order; one call at a time. */
  async append(records: readonly LogRecord[]): Promise<AppendOutcome> {
    return this.#append(records, false);
  }

  async #append(records: readonly LogRecord[], isNewSegment: boolean): Promise<AppendOutcome> {
    assert(!this.#isAppending, "S1: one append at a time");
    assert(!this.#isFailed, "S6: nothing is appended after a second fault");
    this.#isAppending = true;
    const outcome = await this.#writer.append(records, isNewSegment, (from, positions, end) => {
      for (const [i, position] of positions.entries()) {
        const record = records[from + i]!;
        const log = this.log(record.group);
        if (record.kind === "hard-state") log.hardState = record.hardState;
        else log.add(record.entry, position, true);
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
    const first = log.positionOf(from);
    let end = first.offset + first.length;
    let last = from;
    while (last < to) {
      const next = log.positionOf(last + 1);
      const nextEnd = next.offset + next.length;
      if (next.segment !== first.segment || nextEnd - first.offset > LOAD_BYTES_MAX) break;
      end = nextEnd;
      last += 1;
    }
    const { file } = this.#writer.segment(first.segment);
    const read = await file.read(first.offset, end - first.offset);
    if (read.kind === "fault") return read;
    const bytes = read.value;
    const entries: LogEntry[] = [];
    for (let index = from; index <= last; index++) {
      const { offset, length } = log.positionOf(index);
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

  /**
   * Keeps a snapshot of a group's state up to `base` and forgets the log behind it. The chunks are
   * walked before the first wait.
   */
  async saveSnapshot(
    group: GroupId,
    base: LogBase,
    chunks: Iterable<Uint8Array>,
  ): Promise<DiskResult<void>> {
    const log = this.log(group);
    assert(base.index <= log.lastIndex, "R6: a snapshot holds what has been applied");
    const written = await writeSnapshot(this.#disk, this.#clusterId, group, base, chunks);
    if (written.kind === "fault" || this.#isFailed) return written;
    log.compactTo(base);
    const older = this.#snapshotIndexOf.get(group);
    this.#snapshotIndexOf.set(group, base.index);
    // What is not removed now is found to be debris at the next start.
    if (older !== undefined && older !== base.index) {
      await this.#disk.remove(snapshotName(group, older));
    }
    await this.#writer.removeOldest((segment) => this.#isPast(segment));
    if (this.isShortOfSpace) await this.probeSpace();
    return written;
  }

  /** Groups whose entries keep the oldest of more than `segmentsMax` segments alive. */
  groupsPinning(segmentsMax: number): readonly GroupId[] {
    const oldest = this.#writer.oldestBeyond(segmentsMax);
    if (oldest === undefined) return [];
    return [...oldest.lastIndexOf]
      .filter(([group, lastIndex]) => lastIndex > this.log(group).base.index)
      .map(([group]) => group);
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

  #isPast(segment: Segment): boolean {
    for (const [group, lastIndex] of segment.lastIndexOf) {
      if (lastIndex > this.log(group).base.index) return false;
    }
    return true;
  }
}
