// SPDX-License-Identifier: Apache-2.0
/**
 * Writes a snapshot as its bytes come: beside, synced, and only then given its name.
 *
 * It holds one chunk in memory and no more. A fault is remembered and told by `finish`, so that who
 * hands over bytes need not look; nothing that it leaves unfinished has a name that counts.
 */

import { assert } from "@conclave/base";
import type { GroupId } from "../ids.ts";
import { encodeConfiguration } from "../log/configuration.ts";
import type { Disk, DiskFault, DiskFile, DiskResult } from "./disk.ts";
import { IDENTITY_BYTES, putIdentity } from "./file-header.ts";
import { FRAME_BYTES, RECORD_TYPE, RecordWriter, setUint53 } from "./record.ts";
import { SNAPSHOT_CHUNK_BYTES, type SnapshotHead, snapshotName } from "./snapshot-file.ts";

/** Where the first chunk of a snapshot with this head is in its file. */
export function firstChunkAt(head: SnapshotHead): number {
  return FRAME_BYTES + IDENTITY_BYTES + 16 + encodeConfiguration(head.configuration).length;
}

/** Makes the file beside, under a name that is debris until `finish`. */
export async function beginSnapshot(
  disk: Disk,
  clusterId: Uint8Array,
  group: GroupId,
  head: SnapshotHead,
): Promise<DiskResult<SnapshotWriter>> {
  const temporary = `${snapshotName(group, head.index)}.tmp`;
  await disk.remove(temporary);
  const created = await disk.create(temporary, 0);
  if (created.kind === "fault") return created;
  return { kind: "ok", value: new SnapshotWriter(disk, clusterId, group, head, created.value) };
}

export class SnapshotWriter {
  readonly head: SnapshotHead;
  readonly #disk: Disk;
  readonly #group: GroupId;
  readonly #file: DiskFile;
  /** Of the chunk that is gathering. */
  #pieces: Uint8Array[] = [];
  #filled = 0;
  #total = 0;
  /** Where the next record goes. */
  #end = 0;
  /** Framed and not yet written: the header goes with the first chunk. */
  #framed: RecordWriter;
  #fault: DiskFault | undefined;
  #isEnded = false;

  constructor(
    disk: Disk,
    clusterId: Uint8Array,
    group: GroupId,
    head: SnapshotHead,
    file: DiskFile,
  ) {
    this.head = head;
    this.#disk = disk;
    this.#group = group;
    this.#file = file;
    const configuration = encodeConfiguration(head.configuration);
    const headerBytes = IDENTITY_BYTES + 16 + configuration.length;
    this.#framed = new RecordWriter(0, FRAME_BYTES + headerBytes);
    this.#framed.add(RECORD_TYPE.snapshotHeader, group, headerBytes, (view, at, bytes) => {
      putIdentity(view, at, bytes, clusterId);
      setUint53(view, at + IDENTITY_BYTES, head.index);
      setUint53(view, at + IDENTITY_BYTES + 8, head.raftTerm);
      bytes.set(configuration, at + IDENTITY_BYTES + 16);
    });
  }

  /** Bytes of the state that have been taken. */
  get totalBytes(): number {
    return this.#total;
  }

  /** The disk has refused a part of it, and `finish` will say so. */
  get hasFailed(): boolean {
    return this.#fault !== undefined;
  }

  /** How many bytes `append` takes before it has to write. */
  get roomBytes(): number {
    return SNAPSHOT_CHUNK_BYTES - this.#filled;
  }

  /**
   * Takes up to `roomBytes` of the state, which the caller does not change any more; with the last of
   * them a chunk is handed to the disk.
   */
  async append(bytes: Uint8Array): Promise<void> {
    assert(bytes.length <= this.roomBytes, "S9: a snapshot's writer holds one chunk");
    this.#pieces.push(bytes);
    this.#filled += bytes.length;
    this.#total += bytes.length;
    if (this.roomBytes > 0) return;
    this.#frameChunk();
    await this.#write();
  }

  /** Durable, under its name, when it answers `ok`; after a fault nothing has changed. */
  async finish(): Promise<DiskResult<void>> {
    this.#isEnded = true;
    if (this.#filled > 0) this.#frameChunk();
    const total = this.#total;
    this.#framed.add(RECORD_TYPE.snapshotEnd, this.#group, 8, (view, at) => {
      setUint53(view, at, total);
    });
    await this.#write();
    const name = snapshotName(this.#group, this.head.index);
    let done: DiskResult<void> = this.#fault ?? { kind: "ok", value: undefined };
    if (done.kind === "ok") done = await this.#file.datasync();
    await this.#file.close();
    if (done.kind === "ok") done = await this.#disk.rename(this.#file.name, name);
    if (done.kind === "ok") done = await this.#disk.syncDirectory();
    // A full disk must get the room of the attempt back at once.
    if (done.kind === "fault") await this.#disk.remove(this.#file.name);
    return done;
  }

  /** Gives up what has been written. */
  async abandon(): Promise<void> {
    if (this.#isEnded) return;
    this.#isEnded = true;
    await this.#file.close();
    await this.#disk.remove(this.#file.name);
  }

  #frameChunk(): void {
    const pieces = this.#pieces;
    this.#framed.add(RECORD_TYPE.snapshotChunk, this.#group, this.#filled, (_view, at, bytes) => {
      let end = at;
      for (const piece of pieces) {
        bytes.set(piece, end);
        end += piece.length;
      }
    });
    this.#pieces = [];
    this.#filled = 0;
  }

  async #write(): Promise<void> {
    const framed = this.#framed;
    this.#framed = new RecordWriter(framed.checksum, FRAME_BYTES);
    if (this.#fault !== undefined) return;
    const at = this.#end;
    this.#end += framed.length;
    const written = await this.#file.write(at, framed.bytes);
    if (written.kind === "fault") this.#fault = written;
  }
}
