// SPDX-License-Identifier: Apache-2.0
/**
 * The mark beside the log: up to where it has been synced.
 *
 * Below the mark a record that does not verify is rot, above it a torn tail. It is never ahead. It is
 * rewritten once a beat (25 ms) while the log moves, without a sync of its own, so it lags behind by a
 * beat after the process was killed, and by more after a power cut: what rots within that is cut off
 * like a torn tail (decision 0014).
 *
 * It has four slots, of which the newest that verifies counts. Two are written in turn at beats, and a
 * power cut may tear both, since neither is synced. The other two are written in turn when the log
 * goes idle, with a sync, so that one of them is always whole. Losing the mark's write weakens the
 * finding of rot and nothing else, hence a fault here is never fatal.
 */

import type { Disk, DiskFile, DiskResult } from "./disk.ts";
import {
  IDENTITY_BYTES,
  identityAt,
  type LogEnd,
  MARK_BYTES,
  type MarkContent,
  type Misfit,
  markAt,
  putIdentity,
  putMark,
} from "./file-header.ts";
import { RECORD_TYPE, RecordWriter, readRecord } from "./record.ts";

export const MARK_NAME = "mark";
const TEMPORARY_NAME = "mark.tmp";
/** The slots lie in different pages, so that no torn write can hit two. */
const SLOT_BYTES = 4096;
const RUNNING_SLOTS = [0, SLOT_BYTES] as const;
const SETTLED_SLOTS = [2 * SLOT_BYTES, 3 * SLOT_BYTES] as const;
const ALL_SLOTS = [...RUNNING_SLOTS, ...SETTLED_SLOTS] as const;

export type MarkReading =
  | { readonly kind: "read"; readonly content: MarkContent }
  | { readonly kind: "unreadable" }
  | { readonly kind: Misfit };

/** The newest slot that verifies. */
export function readMark(bytes: Uint8Array, clusterId: Uint8Array): MarkReading {
  let newest: MarkContent | undefined;
  for (const at of ALL_SLOTS) {
    if (at > bytes.length) continue;
    const record = readRecord(bytes, at, bytes.length, 0);
    if (record?.type !== RECORD_TYPE.mark) continue;
    const identity = identityAt(bytes, record.payloadStart, record.end, clusterId);
    if (identity === "unknown") continue;
    if (identity !== "ours") return { kind: identity };
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const content = markAt(view, record.payloadStart + IDENTITY_BYTES);
    if (newest === undefined || content.counter > newest.counter) newest = content;
  }
  return newest === undefined ? { kind: "unreadable" } : { kind: "read", content: newest };
}

/** Makes a mark, or replaces the one there is, and makes it durable. */
export async function createMark(
  disk: Disk,
  clusterId: Uint8Array,
  content: MarkContent,
): Promise<DiskResult<Mark>> {
  await disk.remove(TEMPORARY_NAME);
  const created = await disk.create(TEMPORARY_NAME, ALL_SLOTS.length * SLOT_BYTES);
  if (created.kind === "fault") return created;
  const file = created.value;
  const mark = new Mark(disk, clusterId, file, content);
  const steps = [
    ...ALL_SLOTS.map((at) => () => file.write(at, encode(clusterId, content))),
    () => file.datasync(),
    () => disk.rename(TEMPORARY_NAME, MARK_NAME),
    () => disk.syncDirectory(),
  ];
  for (const step of steps) {
    const done = await step();
    if (done.kind === "ok") continue;
    await file.close();
    return done;
  }
  return { kind: "ok", value: mark };
}

export class Mark {
  readonly #disk: Disk;
  readonly #clusterId: Uint8Array;
  #file: DiskFile;
  #end: LogEnd;
  #counter: number;
  #isWritten = true;
  #isSettled = false;
  #settled = 0;
  /** A write or sync of this file failed: it is replaced before anything is said to be settled. */
  #isDistrusted = false;
  #writing: Promise<void> | undefined;
  #settling: Promise<void> = Promise.resolve();

  constructor(disk: Disk, clusterId: Uint8Array, file: DiskFile, content: MarkContent) {
    this.#disk = disk;
    this.#clusterId = clusterId;
    this.#file = file;
    this.#end = content;
    this.#counter = content.counter;
  }

  /** The log has been synced up to there. Writes nothing yet. */
  moveTo(end: LogEnd): void {
    this.#end = end;
    this.#isWritten = false;
    this.#isSettled = false;
  }

  /** Begins to write where the log ends, unless that is written, or a write is under way. */
  write(): void {
    if (!this.#isWritten) this.#writing ??= this.#write();
  }

  /**
   * Makes one slot of each kind say the same, durably. Called when the log goes idle, and before
   * closing. One call at a time does so: two that overlapped would have both settled slots, or the
   * file that replaces this one, in the air at once.
   */
  settle(): Promise<void> {
    this.#settling = this.#settling.then(() => this.#settle());
    return this.#settling;
  }

  async close(): Promise<void> {
    await this.#settling;
    await this.#writing;
    await this.#file.close();
  }

  async #settle(): Promise<void> {
    if (this.#isSettled) return;
    await this.#writing;
    const end = this.#end;
    const content = this.#next();
    if (this.#isDistrusted) return this.#replace(end, content);
    this.#settled += 1;
    for (const at of [runningSlot(content), SETTLED_SLOTS[this.#settled % 2]!]) {
      const written = await this.#file.write(at, encode(this.#clusterId, content));
      if (written.kind === "fault") return this.#replace(end, content);
    }
    const synced = await this.#file.datasync();
    if (synced.kind === "fault") return this.#replace(end, content);
    this.#isSettled = end === this.#end;
  }

  async #write(): Promise<void> {
    const content = this.#next();
    const written = await this.#file.write(runningSlot(content), encode(this.#clusterId, content));
    if (written.kind === "fault") this.#isDistrusted = true;
    this.#writing = undefined;
  }

  #next(): MarkContent {
    this.#isWritten = true;
    this.#counter += 1;
    return { ...this.#end, counter: this.#counter };
  }

  /** A sync is never retried on the same file, so a new one takes its place. */
  async #replace(end: LogEnd, content: MarkContent): Promise<void> {
    this.#isDistrusted = true;
    const made = await createMark(this.#disk, this.#clusterId, content);
    if (made.kind === "fault") return;
    const old = this.#file;
    await this.#writing;
    this.#file = made.value.#file;
    this.#isDistrusted = false;
    await old.close();
    this.#isSettled = end === this.#end;
    // What was written meanwhile went to the old file.
    this.#isWritten = this.#isSettled;
  }
}

/** Each write takes the other one, so that the one before it is whole whatever becomes of this one. */
function runningSlot(content: MarkContent): number {
  return RUNNING_SLOTS[content.counter % 2]!;
}

function encode(clusterId: Uint8Array, content: MarkContent): Uint8Array {
  const writer = new RecordWriter(0, 128);
  writer.add(RECORD_TYPE.mark, 0, MARK_BYTES, (view, at, bytes) => {
    putIdentity(view, at, bytes, clusterId);
    putMark(view, at + IDENTITY_BYTES, content);
  });
  return writer.bytes;
}
