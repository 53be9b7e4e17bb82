// SPDX-License-Identifier: Apache-2.0
/**
 * One file for each snapshot: how it is laid out, and how it is read.
 *
 *     header (identity, index, raftTerm, configuration) | chunk | ... | chunk | end (total bytes)
 *
 * A file that has its name is whole (S9); one that does not verify is therefore rot. Every chunk but
 * the last is of one size, so that any part can be found without reading what is before it. The bytes
 * are opaque here.
 */

import type { GroupId } from "../ids.ts";
import { type Configuration, decodeConfiguration } from "../log/configuration.ts";
import type { Disk, DiskFault, DiskFile } from "./disk.ts";
import { IDENTITY_BYTES, identityAt, type Misfit } from "./file-header.ts";
import { baseAt, type LogBase } from "./log-record.ts";
import { FRAME_BYTES, getUint53, RECORD_TYPE, readRecord } from "./record.ts";

/** What a snapshot says of itself. */
export interface SnapshotHead extends LogBase {
  /** The one in use at its last entry. */
  readonly configuration: Configuration;
}

export interface Snapshot extends SnapshotHead {
  readonly bytes: Uint8Array;
}

export type SnapshotReading =
  | { readonly kind: "read"; readonly snapshot: Snapshot }
  /** The bytes from `offset` on do not verify. */
  | { readonly kind: "rot"; readonly offset: number; readonly end: number }
  | { readonly kind: Misfit }
  | DiskFault;

/** What is held in memory of a snapshot on its way to or from the disk: one of these. */
export const SNAPSHOT_CHUNK_BYTES: number = 256 * 1024;

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

/** The whole of it, verified. */
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

/**
 * A part of the state in an open snapshot file, verified: from `offset` to at most `length` bytes on,
 * or to the end of the chunk that holds `offset`, whichever is nearer.
 *
 * @param firstChunk where the first chunk's frame begins.
 */
export async function readPart(
  file: DiskFile,
  firstChunk: number,
  offset: number,
  length: number,
): Promise<
  { readonly kind: "read"; readonly bytes: Uint8Array } | { readonly kind: "rot" } | DiskFault
> {
  const number = Math.floor(offset / SNAPSHOT_CHUNK_BYTES);
  const at = firstChunk + number * (FRAME_BYTES + SNAPSHOT_CHUNK_BYTES);
  const read = await file.read(at, FRAME_BYTES + SNAPSHOT_CHUNK_BYTES);
  if (read.kind === "fault") return read;
  const record = readRecord(read.value, 0, read.value.length, undefined);
  if (record?.type !== RECORD_TYPE.snapshotChunk) return { kind: "rot" };
  const start = record.payloadStart + (offset - number * SNAPSHOT_CHUNK_BYTES);
  return { kind: "read", bytes: read.value.subarray(start, Math.min(start + length, record.end)) };
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
  if (identity === "unknown") return rotAt(0);
  if (identity !== "ours") return { kind: identity };
  const at = header.payloadStart + IDENTITY_BYTES;
  const base = baseAt(view, at);
  const configuration = decodeConfiguration(bytes.subarray(at + 16, header.end));
  const isNamedRightly = header.group === group && base.index === index;
  if (!isNamedRightly || configuration === undefined) return rotAt(0);

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
  return { kind: "read", snapshot: { ...base, configuration, bytes: joined(chunks, total) } };
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
