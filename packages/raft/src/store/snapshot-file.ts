// SPDX-License-Identifier: Apache-2.0
/**
 * One file for each snapshot: written beside, synced, and only then given its name.
 *
 * A file that has its name is whole (S9); one that does not verify is therefore rot. The bytes are
 * opaque here.
 */

import type { GroupId } from "../ids.ts";
import type { Disk, DiskFault, DiskResult } from "./disk.ts";
import { IDENTITY_BYTES, identityAt, putIdentity } from "./file-header.ts";
import type { LogBase } from "./group-log.ts";
import { getUint53, RECORD_TYPE, RecordWriter, readRecord, setUint53 } from "./record.ts";

export interface Snapshot extends LogBase {
  readonly bytes: Uint8Array;
}

export type SnapshotReading =
  | { readonly kind: "read"; readonly snapshot: Snapshot }
  /** The bytes from `offset` on do not verify. */
  | { readonly kind: "rot"; readonly offset: number; readonly end: number }
  | { readonly kind: "foreign" | "newer" }
  | DiskFault;

const HEADER_BYTES = IDENTITY_BYTES + 16;
const NAME = /^snapshot-(\d+)-(\d+)$/;

export function snapshotName(group: GroupId, index: number): string {
  return `snapshot-${group}-${index}`;
}

export function parseSnapshotName(
  name: string,
): { readonly group: GroupId; readonly index: number } | undefined {
  const match = NAME.exec(name);
  return match === null ? undefined : { group: Number(match[1]), index: Number(match[2]) };
}

/** Durable when it answers `ok`; after a fault nothing has changed but perhaps a leftover file. */
export async function writeSnapshot(
  disk: Disk,
  clusterId: Uint8Array,
  group: GroupId,
  base: LogBase,
  chunks: Iterable<Uint8Array>,
): Promise<DiskResult<void>> {
  const bytes = encode(clusterId, group, base, chunks);
  const name = snapshotName(group, base.index);
  const temporary = `${name}.tmp`;
  await disk.remove(temporary);
  const created = await disk.create(temporary, 0);
  if (created.kind === "fault") return created;
  const file = created.value;
  let done = await file.write(0, bytes);
  if (done.kind === "ok") done = await file.datasync();
  await file.close();
  if (done.kind === "ok") done = await disk.rename(temporary, name);
  if (done.kind === "ok") done = await disk.syncDirectory();
  // A full disk must get the room of the attempt back at once.
  if (done.kind === "fault") await disk.remove(temporary);
  return done;
}

export async function readSnapshot(
  disk: Disk,
  clusterId: Uint8Array,
  group: GroupId,
  index: number,
): Promise<SnapshotReading> {
  const opened = await disk.open(snapshotName(group, index));
  if (opened.kind === "fault") return opened;
  const file = opened.value;
  const size = await file.size();
  const read = size.kind === "ok" ? await file.read(0, size.value) : size;
  await file.close();
  return read.kind === "fault" ? read : decode(read.value, clusterId, group, index);
}

function encode(
  clusterId: Uint8Array,
  group: GroupId,
  base: LogBase,
  chunks: Iterable<Uint8Array>,
): Uint8Array {
  const writer = new RecordWriter(0, 64 * 1024);
  writer.add(RECORD_TYPE.snapshotHeader, group, HEADER_BYTES, (view, at, bytes) => {
    putIdentity(view, at, bytes, clusterId);
    setUint53(view, at + IDENTITY_BYTES, base.index);
    setUint53(view, at + IDENTITY_BYTES + 8, base.raftTerm);
  });
  let total = 0;
  for (const chunk of chunks) {
    total += chunk.length;
    writer.add(RECORD_TYPE.snapshotChunk, group, chunk.length, (_view, at, bytes) => {
      bytes.set(chunk, at);
    });
  }
  writer.add(RECORD_TYPE.snapshotEnd, group, 8, (view, at) => setUint53(view, at, total));
  return writer.bytes;
}

function decode(
  bytes: Uint8Array,
  clusterId: Uint8Array,
  group: GroupId,
  index: number,
): SnapshotReading {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const rotAt = (offset: number): SnapshotReading => ({ kind: "rot", offset, end: bytes.length });
  const header = readRecord(bytes, 0, bytes.length, 0);
  if (header?.type !== RECORD_TYPE.snapshotHeader) return rotAt(0);
  const identity = identityAt(bytes, header.payloadStart, header.end, clusterId);
  if (identity === "foreign" || identity === "newer") return { kind: identity };
  const at = header.payloadStart + IDENTITY_BYTES;
  const isNamedRightly = header.group === group && getUint53(view, at) === index;
  if (identity === "unknown" || !isNamedRightly) return rotAt(0);

  const chunks: Uint8Array[] = [];
  let total = 0;
  let last = header;
  while (last.type !== RECORD_TYPE.snapshotEnd) {
    const next = readRecord(bytes, last.end, bytes.length, last.checksum);
    if (next === undefined) return rotAt(last.end);
    if (next.type === RECORD_TYPE.snapshotChunk) {
      chunks.push(bytes.subarray(next.payloadStart, next.end));
      total += next.end - next.payloadStart;
    }
    last = next;
  }
  if (getUint53(view, last.payloadStart) !== total) return rotAt(last.payloadStart);
  const raftTerm = getUint53(view, at + 8);
  return { kind: "read", snapshot: { index, raftTerm, bytes: joined(chunks, total) } };
}

function joined(chunks: readonly Uint8Array[], total: number): Uint8Array {
  const whole = new Uint8Array(total);
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.length;
  }
  return whole;
}
