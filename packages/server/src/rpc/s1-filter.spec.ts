// SPDX-License-Identifier: Apache-2.0
/** Filters as the original's clients wrote them (semantics 4.2.4), and bytes that are none. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { readFilter } from "./s1-filter.ts";
import { NumberHashes } from "./s1-hash.ts";

const UTF8 = new TextEncoder();

function heldBelow(limit: number, json: string): number[] | undefined {
  const filter = readFilter(UTF8.encode(json));
  if (filter === undefined) return undefined;
  return Array.from({ length: limit }, (_, number) => number).filter((n) => filter.has(n));
}

const ONE_TO_TEN = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10];

describe("each filter that was recorded from the original is read as the original reads it", () => {
  test.each([
    ["nothing", '{"m":1,"k":9223372036854775808,"b":"AAAAAAAAAAA="}', []],
    ["2", '{"m":7,"k":5,"b":"AAAAAAAAAAcAAAAAAAAAXA=="}', [2, 13]],
    ["1", '{"m":7,"k":5,"b":"AAAAAAAAAAcAAAAAAAAAFQ=="}', [1, 8]],
    ["5, 6 and 9", '{"m":19,"k":5,"b":"AAAAAAAAABMAAAAAAAQo1g=="}', [5, 6, 9]],
    [
      "1 to 10",
      '{"m":63,"k":5,"b":"AAAAAAAAAD9Wo9Km_1XHSQ=="}',
      [...ONE_TO_TEN, 13, 21, 24, 25, 35],
    ],
  ])("open: %s", (_, json, held) => {
    expect(heldBelow(40, json)).toEqual(held);
  });
});

test("the raw places of a number are the original's", () => {
  const hashes = new NumberHashes();
  hashes.begin(2);
  expect([0, 1, 2, 3, 4].map((i) => hashes.place(i))).toEqual([
    10_227_862_245_760_187_023n,
    17_808_881_999_732_707_719n,
    14_918_514_177_413_053_367n,
    16_566_707_032_244_742_879n,
    17_847_644_934_781_328_671n,
  ]);
});

test("halves of 32 bits give what whole numbers give", () => {
  const number = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER });
  const size = fc.integer({ min: 1, max: 2 ** 32 });
  const hashes = new NumberHashes();
  fc.assert(
    fc.property(number, size, (n, bits) => {
      hashes.begin(n);
      const [h1, h2] = referenceHash(bytesOf(n));
      const [h3, h4] = referenceHash([...bytesOf(n), 1]);
      const raw = [h1, h2 + h4, h1 + 2n * h4, h2 + 3n * h3, h1 + 4n * h3, h2 + 5n * h4];
      for (const [i, place] of raw.entries()) {
        expect(hashes.place(i)).toBe(BigInt.asUintN(64, place));
        expect(BigInt(hashes.placeIn(bits, i))).toBe(BigInt.asUintN(64, place) % BigInt(bits));
      }
    }),
    { numRuns: 300, seed: 5 },
  );
});

test("no bytes at all are the filter that holds nothing", () => {
  expect(readFilter(new Uint8Array())?.has(1)).toBe(false);
});

test("an empty filter holds nothing at once, however many places it tells of", () => {
  for (const k of ["0", "1", "9223372036854775808", "18446744073709551615"]) {
    expect(heldBelow(3, `{"m":1,"k":${k},"b":"AAAAAAAAAAA="}`)).toEqual([]);
    expect(heldBelow(3, `{"m":64,"k":${k},"b":"AAAAAAAAAEAAAAAAAAAAAA=="}`)).toEqual([]);
  }
});

test("a filter whose bits are all set holds everything", () => {
  expect(heldBelow(5, '{"k":5, "m" : 64, "b":"AAAAAAAAAED__________w=="}')).toEqual([
    0, 1, 2, 3, 4,
  ]);
});

test("bits of the last word beyond the filter's length are not of the filter", () => {
  const whole = heldBelow(300, '{"m":64,"k":1,"b":"AAAAAAAAAED__________w=="}');
  const cut = heldBelow(300, '{"m":64,"k":1,"b":"AAAAAAAAAAf__________w=="}');
  expect(whole).toHaveLength(300);
  expect(cut!.length).toBeLessThan(60);
});

test("the numbers are read digit by digit: one above 2^53 is not taken for its neighbour", () => {
  expect(heldBelow(1, '{"m":7,"k":17,"b":"AAAAAAAAAAcAAAAAAAAAXA=="}')).toBeUndefined();
  const k = "9007199254740993";
  expect(heldBelow(1, `{"m":7,"k":${k},"b":"AAAAAAAAAAcAAAAAAAAAXA=="}`)).toBeUndefined();
});

describe("what is no filter is none", () => {
  test.each([
    ["no JSON", "nonsense"],
    ["another JSON", "[]"],
    ["null", "null"],
    ["no bits", '{"m":7,"k":5}'],
    ["no size", '{"k":5,"b":"AAAAAAAAAAcAAAAAAAAAXA=="}'],
    ["a negative number of places", '{"m":7,"k":-5,"b":"AAAAAAAAAAcAAAAAAAAAXA=="}'],
    ["a broken size", '{"m":7.5,"k":5,"b":"AAAAAAAAAAcAAAAAAAAAXA=="}'],
    ["a size beyond every request", '{"m":4294967297,"k":5,"b":"AAAAAAAAAAcAAAAAAAAAXA=="}'],
    ["bits that are no base64", '{"m":7,"k":5,"b":"*"}'],
    ["a length cut short", '{"m":7,"k":5,"b":"AAAA"}'],
    ["fewer words than the length says", '{"m":65,"k":5,"b":"AAAAAAAAAEEAAAAAAAAAXA=="}'],
    ["more words than the length says", '{"m":1,"k":5,"b":"AAAAAAAAAAAAAAAAAAAAXA=="}'],
    ["a length of 2^64 - 1", '{"m":7,"k":5,"b":"__________8AAAAAAAAAXA=="}'],
  ])("%s", (_, json) => {
    expect(readFilter(UTF8.encode(json))).toBeUndefined();
  });

  test("bytes that are no text", () => {
    expect(readFilter(Uint8Array.of(0xff, 0xfe, 0x7b))).toBeUndefined();
  });
});

function bytesOf(number: number): number[] {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(number));
  return [...bytes];
}

/** MurmurHash3 x64 128 of less than 16 bytes, as its author describes it. */
function referenceHash(bytes: readonly number[]): readonly [bigint, bigint] {
  const u64 = (value: bigint): bigint => BigInt.asUintN(64, value);
  const turn = (value: bigint, by: bigint): bigint => u64((value << by) | (value >> (64n - by)));
  const mix = (value: bigint): bigint => {
    const first = u64((value ^ (value >> 33n)) * 0xff51_afd7_ed55_8ccdn);
    const second = u64((first ^ (first >> 33n)) * 0xc4ce_b9fe_1a85_ec53n);
    return second ^ (second >> 33n);
  };
  const little = (part: readonly number[]): bigint =>
    part.reduce((sum, byte, at) => sum | (BigInt(byte) << BigInt(8 * at)), 0n);
  const [c1, c2] = [0x87c3_7b91_1142_53d5n, 0x4cf5_ad43_2745_937fn];
  const k1 = u64(turn(u64(little(bytes.slice(0, 8)) * c1), 31n) * c2);
  const k2 = u64(turn(u64(little(bytes.slice(8)) * c2), 33n) * c1);
  const length = BigInt(bytes.length);
  let h1 = u64((k1 ^ length) + (k2 ^ length));
  let h2 = u64((k2 ^ length) + h1);
  [h1, h2] = [mix(h1), mix(h2)];
  h1 = u64(h1 + h2);
  return [h1, u64(h2 + h1)];
}
