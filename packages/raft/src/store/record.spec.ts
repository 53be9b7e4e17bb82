// SPDX-License-Identifier: Apache-2.0
/** Frames: what was written is read, and nothing else passes for it. */

import { expect, test } from "vitest";
import { getUint53, RECORD_TYPE, RecordWriter, readRecord, setUint53 } from "./record.ts";

test("records are read back in their order, each from where the one before ends", () => {
  const writer = new RecordWriter(5, 8);
  for (const byte of [1, 2, 3]) {
    writer.add(RECORD_TYPE.proposal, byte, byte, (_view, at, bytes) => {
      bytes.fill(byte, at, at + byte);
    });
  }

  const groups: number[] = [];
  let previous = 5;
  for (let at = 0; at < writer.length; ) {
    const record = readRecord(writer.bytes, at, writer.length, previous)!;
    groups.push(record.group);
    expect(writer.bytes[record.end - 1]).toBe(record.group);
    previous = record.checksum;
    at = record.end;
  }
  expect(groups).toEqual([1, 2, 3]);
});

test("a whole record that continues another history is not a continuation of this one", () => {
  const writer = new RecordWriter(5, 64);
  writer.add(RECORD_TYPE.proposal, 1, 0, () => {});

  expect(readRecord(writer.bytes, 0, writer.length, 5)).toBeDefined();
  expect(readRecord(writer.bytes, 0, writer.length, 6)).toBeUndefined();
});

test("zeros, and a record cut anywhere, are no record", () => {
  expect(readRecord(new Uint8Array(100), 0, 100, undefined)).toBeUndefined();
  const writer = new RecordWriter(0, 64);
  writer.add(RECORD_TYPE.proposal, 1, 9, (_view, at, bytes) => bytes.fill(8, at, at + 9));
  for (let length = 0; length < writer.length; length++) {
    expect(readRecord(writer.bytes, 0, length, 0)).toBeUndefined();
  }
});

test("numbers up to 2^53 - 1 keep their value", () => {
  const view = new DataView(new ArrayBuffer(8));
  for (const value of [0, 1, 2 ** 32 - 1, 2 ** 32, Number.MAX_SAFE_INTEGER]) {
    setUint53(view, 0, value);
    expect(getUint53(view, 0)).toBe(value);
  }
});
