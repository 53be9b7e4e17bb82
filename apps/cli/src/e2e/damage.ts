// SPDX-License-Identifier: Apache-2.0
/**
 * What a disk and a power cut do to the log of a node that does not run. Knows the frame of a record
 * (`packages/raft/src/store/record.ts`) and nothing else of the format.
 */

import { closeSync, openSync, readdirSync, readFileSync, writeSync } from "node:fs";
import { join } from "node:path";

const FRAME_BYTES = 20;
const LENGTH_AT = 4;

/** Half of a record behind the last whole one: an append that the power cut interrupted. */
export function tearTail(dataDir: string): void {
  const { path, records } = newestSegment(dataDir);
  const last = records.at(-1);
  if (last === undefined) throw new Error(`${path} has no records`);
  const torn = Buffer.alloc(FRAME_BYTES + 16, 0x5a);
  torn.writeUInt32LE(4_096, LENGTH_AT);
  overwrite(path, last.end, torn);
}

/** A bit that flipped in a record which was synced long ago. */
export function rotRecord(dataDir: string): void {
  const { path, records } = newestSegment(dataDir);
  const record = records[Math.floor(records.length / 2)];
  if (record === undefined) throw new Error(`${path} has no records`);
  const at = record.end - 1;
  const byte = readFileSync(path)[at] ?? 0;
  overwrite(path, at, Buffer.of(byte ^ 1));
}

interface Segment {
  readonly path: string;
  readonly records: readonly { readonly end: number }[];
}

function newestSegment(dataDir: string): Segment {
  const folder = join(dataDir, "log");
  const name = readdirSync(folder)
    .filter((file) => file.startsWith("log-"))
    .sort()
    .at(-1);
  if (name === undefined) throw new Error(`${folder} has no segment`);
  const path = join(folder, name);
  const bytes = readFileSync(path);
  const records: { readonly end: number }[] = [];
  for (let at = 0; at + FRAME_BYTES <= bytes.length && bytes.readUInt32LE(at) !== 0; ) {
    at += FRAME_BYTES + bytes.readUInt32LE(at + LENGTH_AT);
    records.push({ end: at });
  }
  return { path, records };
}

function overwrite(path: string, at: number, bytes: Uint8Array): void {
  const file = openSync(path, "r+");
  writeSync(file, bytes, 0, bytes.length, at);
  closeSync(file);
}
