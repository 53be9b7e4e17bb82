// SPDX-License-Identifier: Apache-2.0
/**
 * Writes protobuf's binary format, as little of it as the log needs.
 *
 * Written by hand because it stands on the path of every command: it takes a third of the time of the
 * generated encoder (README.md), which would need its messages built first. A spec holds the two
 * against each other.
 */

import { assert } from "@conclave/base";

export interface WireWriter {
  bytes: Uint8Array<ArrayBuffer>;
  length: number;
}

const VARINT = 0;
const FIXED64 = 1;
const DELIMITED = 2;

export function createWireWriter(capacity = 1_024): WireWriter {
  return { bytes: new Uint8Array(capacity), length: 0 };
}

/** A copy of what has been written. */
export function writtenBytes(writer: WireWriter): Uint8Array<ArrayBuffer> {
  return writer.bytes.slice(0, writer.length);
}

/** A count or an enum, left out at 0 as proto3 does. */
export function writeNumber(writer: WireWriter, field: number, value: number): void {
  if (value !== 0) writePresentNumber(writer, field, value);
}

/** The same for a field with presence: written at 0 too. */
export function writePresentNumber(writer: WireWriter, field: number, value: number): void {
  reserve(writer, 20);
  writeTag(writer, field, VARINT);
  putVarint(writer, value);
}

export function writeBool(writer: WireWriter, field: number, value: boolean): void {
  if (value) writePresentNumber(writer, field, 1);
}

/** An unsigned integer of 64 bits as a varint, left out at 0. */
export function writeBigint(writer: WireWriter, field: number, value: bigint): void {
  if (value !== 0n) writePresentBigint(writer, field, value);
}

export function writePresentBigint(writer: WireWriter, field: number, value: bigint): void {
  reserve(writer, 20);
  writeTag(writer, field, VARINT);
  putVarint64(writer, value);
}

export function writeFixed64(writer: WireWriter, field: number, value: bigint): void {
  if (value === 0n) return;
  reserve(writer, 18);
  writeTag(writer, field, FIXED64);
  putFixed64(writer, value);
}

export function writeText(writer: WireWriter, field: number, text: string): void {
  if (text !== "") writePresentText(writer, field, text);
}

export function writePresentText(writer: WireWriter, field: number, text: string): void {
  const start = openMessage(writer, field);
  putText(writer, text);
  closeMessage(writer, start);
}

export function writePackedNumbers(
  writer: WireWriter,
  field: number,
  values: Iterable<number>,
): void {
  const start = openMessage(writer, field);
  for (const value of values) {
    reserve(writer, 10);
    putVarint(writer, value);
  }
  closeMessage(writer, start);
}

export function writePackedFixed64(
  writer: WireWriter,
  field: number,
  values: Iterable<bigint>,
): void {
  const start = openMessage(writer, field);
  for (const value of values) {
    reserve(writer, 8);
    putFixed64(writer, value);
  }
  closeMessage(writer, start);
}

/** A map of texts, in the order of its keys, so that equal maps have equal bytes. */
export function writeTextMap(
  writer: WireWriter,
  field: number,
  map: ReadonlyMap<string, string>,
): void {
  if (map.size === 0) return;
  for (const key of [...map.keys()].sort()) {
    const start = openMessage(writer, field);
    writePresentText(writer, 1, key);
    writePresentText(writer, 2, map.get(key)!);
    closeMessage(writer, start);
  }
}

/** Begins a message within; what it returns is for `closeMessage`. */
export function openMessage(writer: WireWriter, field: number): number {
  reserve(writer, 10);
  writeTag(writer, field, DELIMITED);
  // Nearly all messages are shorter than 128 bytes, so one byte is kept for the length.
  writer.length += 1;
  return writer.length;
}

export function closeMessage(writer: WireWriter, start: number): void {
  const size = writer.length - start;
  if (size < 0x80) {
    writer.bytes[start - 1] = size;
    return;
  }
  const extra = varintLength(size) - 1;
  reserve(writer, extra);
  writer.bytes.copyWithin(start + extra, start, writer.length);
  writer.length = start - 1;
  putVarint(writer, size);
  writer.length += size;
}

function writeTag(writer: WireWriter, field: number, type: number): void {
  const tag = (field << 3) | type;
  assert(tag < 0x80, "the log's messages have at most 15 fields");
  writer.bytes[writer.length++] = tag;
}

function varintLength(value: number): number {
  let length = 1;
  for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 0x80)) length += 1;
  return length;
}

function putVarint(writer: WireWriter, value: number): void {
  assert(Number.isSafeInteger(value) && value >= 0, "a count is a safe integer, not negative");
  let rest = value;
  while (rest >= 0x80) {
    writer.bytes[writer.length++] = (rest % 0x80) | 0x80;
    rest = Math.floor(rest / 0x80);
  }
  writer.bytes[writer.length++] = rest;
}

function putVarint64(writer: WireWriter, value: bigint): void {
  assert(value >= 0n && value < 1n << 64n, "an unsigned integer has 64 bits");
  if (value <= 0x1fffffffffffffn) {
    putVarint(writer, Number(value));
    return;
  }
  let rest = value;
  while (rest >= 0x80n) {
    writer.bytes[writer.length++] = Number(rest & 0x7fn) | 0x80;
    rest >>= 7n;
  }
  writer.bytes[writer.length++] = Number(rest);
}

function putFixed64(writer: WireWriter, value: bigint): void {
  assert(value >= 0n && value < 1n << 64n, "an unsigned integer has 64 bits");
  const { bytes, length } = writer;
  let low = Number(value & 0xffffffffn);
  let high = Number(value >> 32n);
  for (let i = 0; i < 4; i++) {
    bytes[length + i] = low & 0xff;
    bytes[length + 4 + i] = high & 0xff;
    low >>>= 8;
    high >>>= 8;
  }
  writer.length += 8;
}

function putText(writer: WireWriter, text: string): void {
  reserve(writer, text.length * 3);
  const { bytes } = writer;
  let at = writer.length;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 0x80) bytes[at++] = unit;
    else {
      const point = text.codePointAt(i)!;
      assert(point < 0xd800 || point > 0xdfff, "text that is written has whole surrogate pairs");
      if (point > 0xffff) i += 1;
      at = putCodePoint(bytes, at, point);
    }
  }
  writer.length = at;
}

function putCodePoint(bytes: Uint8Array, start: number, point: number): number {
  let at = start;
  if (point < 0x800) bytes[at++] = 0xc0 | (point >> 6);
  else {
    if (point < 0x10000) bytes[at++] = 0xe0 | (point >> 12);
    else {
      bytes[at++] = 0xf0 | (point >> 18);
      bytes[at++] = 0x80 | ((point >> 12) & 0x3f);
    }
    bytes[at++] = 0x80 | ((point >> 6) & 0x3f);
  }
  bytes[at++] = 0x80 | (point & 0x3f);
  return at;
}

function reserve(writer: WireWriter, count: number): void {
  const needed = writer.length + count;
  if (needed <= writer.bytes.length) return;
  const grown = new Uint8Array(Math.max(needed, writer.bytes.length * 2));
  grown.set(writer.bytes.subarray(0, writer.length));
  writer.bytes = grown;
}
