// SPDX-License-Identifier: Apache-2.0
/**
 * Reads protobuf's binary format, strictly: what is not understood is a fault, never skipped.
 *
 * The first fault sticks. From then on every read answers an empty value and no field is left, so
 * that callers look at `fault` once, at the end.
 */

export interface WireReader {
  readonly bytes: Uint8Array;
  position: number;
  /** The end of the message that is being read. */
  end: number;
  /** The field that was begun last, and how it is encoded. */
  field: number;
  type: number;
  fault: WireFault | undefined;
}

export interface WireFault {
  /** `unknown`: sound, but of a newer version; `damaged`: not what any version writes. */
  readonly kind: "unknown" | "damaged";
  readonly what: string;
}

const VARINT = 0;
const FIXED64 = 1;
const DELIMITED = 2;

export function createWireReader(bytes: Uint8Array): WireReader {
  return { bytes, position: 0, end: bytes.length, field: 0, type: 0, fault: undefined };
}

/** Begins the next field of the message; false at its end, or after a fault. */
export function nextField(reader: WireReader): boolean {
  if (reader.fault !== undefined || reader.position >= reader.end) return false;
  const tag = takeVarint(reader);
  reader.field = tag >>> 3;
  reader.type = tag & 7;
  return reader.fault === undefined;
}

/** Refuses a field, or a value, that this version does not know. */
export function failUnknown(reader: WireReader, what: string): void {
  reader.fault ??= { kind: "unknown", what };
}

export function failDamaged(reader: WireReader, what: string): void {
  reader.fault ??= { kind: "damaged", what };
}

/** Goes into the message that the present field holds; what it returns is for `endMessage`. */
export function beginMessage(reader: WireReader): number {
  const size = openDelimited(reader);
  const outer = reader.end;
  reader.end = reader.position + size;
  return outer;
}

/** Comes back out, once `nextField` has said that the message is over. */
export function endMessage(reader: WireReader, outer: number): void {
  if (reader.position !== reader.end) failDamaged(reader, "a message ends within a field");
  reader.end = outer;
}

/** A count that a double holds exactly. */
export function readNumber(reader: WireReader): number {
  return expectType(reader, VARINT) ? takeVarint(reader) : 0;
}

export function readBool(reader: WireReader): boolean {
  return readNumber(reader) !== 0;
}

export function readBigint(reader: WireReader): bigint {
  if (!expectType(reader, VARINT)) return 0n;
  const start = reader.position;
  const at = start + 6;
  // Up to six bytes hold 42 bits, which a double adds exactly and fast.
  for (let i = start; i < at && i < reader.end; i++) {
    if (reader.bytes[i]! < 0x80) return BigInt(takeVarint(reader));
  }
  return takeVarint64(reader);
}

export function readFixed64(reader: WireReader): bigint {
  return expectType(reader, FIXED64) ? takeFixed64(reader) : 0n;
}

export function readText(reader: WireReader): string {
  const size = openDelimited(reader);
  if (reader.fault !== undefined) return "";
  const start = reader.position;
  reader.position += size;
  return decodeText(reader, start, reader.position);
}

export function readPackedNumbers(reader: WireReader): number[] {
  const values: number[] = [];
  const last = openDelimited(reader) + reader.position;
  while (reader.fault === undefined && reader.position < last) values.push(takeVarint(reader));
  return endList(reader, last, values);
}

export function readPackedFixed64(reader: WireReader): bigint[] {
  const values: bigint[] = [];
  const last = openDelimited(reader) + reader.position;
  while (reader.fault === undefined && reader.position < last) values.push(takeFixed64(reader));
  return endList(reader, last, values);
}

/** A value at the end may have taken bytes that stand behind the list. */
function endList<T>(reader: WireReader, last: number, values: T[]): T[] {
  if (reader.fault === undefined && reader.position !== last) {
    failDamaged(reader, "a list that ends within a value");
  }
  return values;
}

/** One pair of a map of texts. */
export function readTextPair(reader: WireReader, map: Map<string, string>): void {
  let key = "";
  let value = "";
  const outer = beginMessage(reader);
  while (nextField(reader)) {
    if (reader.field === 1) key = readText(reader);
    else if (reader.field === 2) value = readText(reader);
    else failUnknown(reader, `field ${reader.field} of a pair`);
  }
  endMessage(reader, outer);
  map.set(key, value);
}

function openDelimited(reader: WireReader): number {
  if (!expectType(reader, DELIMITED)) return 0;
  const size = takeVarint(reader);
  if (size <= reader.end - reader.position) return size;
  failDamaged(reader, "a length beyond the end");
  return 0;
}

function expectType(reader: WireReader, type: number): boolean {
  if (reader.fault !== undefined) return false;
  if (reader.type !== type) failDamaged(reader, `field ${reader.field} of type ${reader.type}`);
  return reader.fault === undefined;
}

function takeVarint(reader: WireReader): number {
  const { bytes, end } = reader;
  let value = 0;
  let scale = 1;
  while (reader.position < end) {
    const byte = bytes[reader.position++]!;
    value += (byte & 0x7f) * scale;
    if (byte < 0x80) {
      if (value <= Number.MAX_SAFE_INTEGER) return value;
      break;
    }
    scale *= 0x80;
  }
  failDamaged(reader, "a count that is cut off or too large");
  return 0;
}

function takeVarint64(reader: WireReader): bigint {
  let value = 0n;
  for (let shift = 0n; shift < 70n && reader.position < reader.end; shift += 7n) {
    const byte = reader.bytes[reader.position++]!;
    value |= BigInt(byte & 0x7f) << shift;
    if (byte < 0x80) {
      if (value < 1n << 64n) return value;
      break;
    }
  }
  failDamaged(reader, "an integer that is cut off or longer than 64 bits");
  return 0n;
}

function takeFixed64(reader: WireReader): bigint {
  if (reader.end - reader.position < 8) {
    failDamaged(reader, "a fixed64 beyond the end");
    return 0n;
  }
  const { bytes, position } = reader;
  let low = 0;
  let high = 0;
  for (let i = 3; i >= 0; i--) {
    low = low * 0x100 + bytes[position + i]!;
    high = high * 0x100 + bytes[position + 4 + i]!;
  }
  reader.position += 8;
  return (BigInt(high) << 32n) | BigInt(low);
}

/** Enough for any name in one piece; longer text is put together of such pieces. */
const ASCII_PIECE = 1_024;

function decodeText(reader: WireReader, start: number, end: number): string {
  const { bytes } = reader;
  let asciiEnd = start;
  const pieceEnd = Math.min(end, start + ASCII_PIECE);
  while (asciiEnd < pieceEnd && bytes[asciiEnd]! < 0x80) asciiEnd += 1;
  // One call makes one flat string: adding up characters would leave a tree to be flattened later.
  const ascii = String.fromCharCode.apply(undefined, piece(bytes, start, asciiEnd));
  return asciiEnd === end ? ascii : ascii + decodeRest(reader, asciiEnd, end);
}

/** `apply` takes anything that is like an array; its type says that it must be one. */
function piece(bytes: Uint8Array, start: number, end: number): number[] {
  return bytes.subarray(start, end) as unknown as number[];
}

function decodeRest(reader: WireReader, start: number, end: number): string {
  const { bytes } = reader;
  let text = "";
  let at = start;
  while (at < end) {
    const byte = bytes[at]!;
    if (byte < 0x80) {
      text += String.fromCharCode(byte);
      at += 1;
      continue;
    }
    const length = byte < 0xc2 ? 0 : byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : byte < 0xf5 ? 4 : 0;
    const point = length > 0 && at + length <= end ? codePointAt(bytes, at, length) : -1;
    if (point < 0) {
      failDamaged(reader, "text that is not UTF-8");
      return "";
    }
    text += String.fromCodePoint(point);
    at += length;
  }
  return text;
}

/** -1 where the bytes are no code point, are one in a longer form, or are half of a pair. */
function codePointAt(bytes: Uint8Array, at: number, length: number): number {
  let point = bytes[at]! & (0x7f >> length);
  for (let i = 1; i < length; i++) {
    const byte = bytes[at + i]!;
    if ((byte & 0xc0) !== 0x80) return -1;
    point = (point << 6) | (byte & 0x3f);
  }
  const isShortest = point >= (length === 2 ? 0x80 : length === 3 ? 0x800 : 0x10000);
  const isHalfPair = point >= 0xd800 && point <= 0xdfff;
  return isShortest && !isHalfPair && point <= 0x10ffff ? point : -1;
}
