// SPDX-License-Identifier: Apache-2.0
/**
 * The mark beside the log: up to where it has been synced.
 *
 * Below the mark a record that does not verify is rot, above it a torn tail. It is rewritten after
 * each sync of the log without one of its own, so it may lag after a power cut, and is never ahead.
 * It has four slots, of which the newest that verifies counts. Two are written in turn after syncs of
 * the log, and a power cut may tear both, since neither is synced. The other two are written in turn
 * when the log goes idle, with a sync, so that one of them is always whole. Losing the mark's write
 * weakens the finding of rot and nothing else, hence a fault here is never fatal.
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
  #content: MarkContent;
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
    this.#content = content;
  }

  /** Begins to write the new end; while a write is under way only the newest end waits. */
  moveTo(end: LogEnd): void {
    this.#content = { ...end, counter: this.#content.counter + 1 };
    this.#isWritten = false;
    this.#isSettled = false;
    this.#writing ??= this.#write();
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
    const content = this.#content;
    if (this.#isDistrusted) {
      await this.#replace(content);
      return;
    }
    this.#settled += 1;
    for (const at of [RUNNING_SLOTS[content.counter % 2]!, SETTLED_SLOTS[this.#settled % 2]!]) {
      const written = await this.#file.write(at, encode(this.#clusterId, content));
      if (written.kind === "fault") return this.#replace(content);
    }
    const synced = await this.#file.datasync();
    if (synced.kind === "fault") return this.#replace(content);
    this.#isSettled = content === this.#content;
  }

  async #write(): Promise<void> {
    while (!this.#isWritten) {
      this.#isWritten = true;
      const slot = RUNNING_SLOTS[this.#content.counter % 2]!;
      const written = await this.#file.write(slot, encode(this.#clusterId, this.#content));
      if (written.kind === "fault") this.#isDistrusted = true;
    }
    this.#writing = undefined;
  }

  /** A sync is never retried on the same file, so a new one takes its place. */
  async #replace(content: MarkContent): Promise<void> {
    this.#isDistrusted = true;
    const made = await createMark(this.#disk, this.#clusterId, content);
    if (made.kind === "fault") return;
    const old = this.#file;
    await this.#writing;
    this.#file = made.value.#file;
    this.#isDistrusted = false;
    await old.close();
    this.#isSettled = content === this.#content;
    if (!this.#isSettled) this.moveTo(this.#content);
  }
}

function encode(clusterId: Uint8Array, content: MarkContent): Uint8Array {
  const writer = new RecordWriter(0, 128);
  writer.add(RECORD_TYPE.mark, 0, MARK_BYTES, (view, at, bytes) => {
    putIdentity(view, at, bytes, clusterId);
    putMark(view, at + IDENTITY_BYTES, content);
  });
  return writer.bytes;
}
