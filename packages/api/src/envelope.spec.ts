// SPDX-License-Identifier: Apache-2.0
import { expect, test } from "vitest";
import { ENVELOPE_END, EnvelopeReader, envelopeOf } from "./envelope.ts";

const BYTES_MAX = 300;

function createReader(): { readonly reader: EnvelopeReader; readonly taken: string[] } {
  const taken: string[] = [];
  const reader = new EnvelopeReader(BYTES_MAX, (flags, message) => {
    taken.push(`${flags}:${new TextDecoder().decode(message)}`);
    return flags !== ENVELOPE_END;
  });
  return { reader, taken };
}

const text = (from: string): Uint8Array => new TextEncoder().encode(from);

test("an envelope is a byte of flags, four of length and the message", () => {
  const message = new Uint8Array(258).fill(7);

  const bytes = envelopeOf(2, message);

  expect([...bytes.subarray(0, 6)]).toEqual([2, 0, 0, 1, 2, 7]);
  expect(bytes).toHaveLength(263);
});

test("envelopes are taken whole and in order, wherever the stream was cut", () => {
  const bytes = [
    ...envelopeOf(0, text("a")),
    ...envelopeOf(0, text("")),
    ...envelopeOf(1, text("bc")),
  ];
  for (let size = 1; size <= bytes.length; size++) {
    const { reader, taken } = createReader();

    for (let at = 0; at < bytes.length; at += size) {
      reader.read(Uint8Array.from(bytes.slice(at, at + size)));
    }

    expect(taken).toEqual(["0:a", "0:", "1:bc"]);
    expect(reader.isAmidst).toBe(false);
  }
});

test("half an envelope is not whole", () => {
  const { reader, taken } = createReader();

  reader.read(envelopeOf(0, text("abc")).subarray(0, 7));

  expect(taken).toEqual([]);
  expect(reader.isAmidst).toBe(true);
});

test("a message of one byte too many is refused by its head alone", () => {
  const { reader, taken } = createReader();
  const whole = envelopeOf(0, new Uint8Array(BYTES_MAX + 1));

  expect(reader.read(envelopeOf(0, text("a")))).toBeUndefined();
  expect(reader.read(whole.subarray(0, 5))).toBe(301);
  expect(taken).toEqual(["0:a"]);
});

test("nothing is taken after the one with which the reader was to stop", () => {
  const { reader, taken } = createReader();

  reader.read(
    Uint8Array.from([...envelopeOf(ENVELOPE_END, text("{}")), ...envelopeOf(0, text("a"))]),
  );

  expect(taken).toEqual(["2:{}"]);
});

test("what was taken stays when the socket's buffer is written over", () => {
  const kept: Uint8Array[] = [];
  const reader = new EnvelopeReader(BYTES_MAX, (_flags, message) => kept.push(message) > 0);
  const chunk = envelopeOf(0, text("abc"));

  reader.read(chunk);
  chunk.fill(0);

  expect(kept[0]).toEqual(text("abc"));
});

test("a message that comes in many chunks is whole, and what was behind it too", () => {
  const long = new Uint8Array(BYTES_MAX).map((_, i) => i);
  const kept: Uint8Array[] = [];
  const reader = new EnvelopeReader(BYTES_MAX, (_flags, message) => kept.push(message) > 0);
  const bytes = [...envelopeOf(0, long), ...envelopeOf(0, text("abc")), 0, 0];

  for (let at = 0; at < bytes.length; at += 7)
    reader.read(Uint8Array.from(bytes.slice(at, at + 7)));

  expect(kept).toEqual([long, text("abc")]);
  expect(reader.isAmidst).toBe(true);
});
