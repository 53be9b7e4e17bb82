// SPDX-License-Identifier: Apache-2.0
/**
 * Where a Bloom filter of S1's clients keeps a number: MurmurHash3 x64 128, seed 0, and the places
 * derived from it (semantics 4.2.4). In halves of 32 bits, since a KeepAlive asks about many numbers
 * and big integers take ten times as long.
 */

/** An unsigned number of 64 bits. */
export interface Uint64 {
  hi: number;
  lo: number;
}

/** The four hashes of a number: h1 and h2, then h3 and h4. */
export type Hashes = readonly [Uint64, Uint64, Uint64, Uint64];

/** Of a number up to 2^53, as its 8 bytes, big-endian; h3 and h4 of those and one byte 0x01. */
export function hashesOf(number: number): Hashes {
  return [...hash(number, false), ...hash(number, true)];
}

/** The place with this number, before it is taken modulo the size of the filter. */
export function locationOf(hashes: Hashes, place: number): Uint64 {
  const odd = place % 2;
  const base = hashes[odd as 0 | 1];
  const step = hashes[(2 + ((place + odd) % 4) / 2) as 2 | 3];
  // By a number that is small, so that both products are exact.
  const lo = step.lo * place;
  const hi = step.hi * place + Math.floor(lo / TWO_32);
  return sum(base, { hi: hi % TWO_32, lo: lo >>> 0 });
}

/** @param divisor below 2^37. */
export function remainder({ hi, lo }: Uint64, divisor: number): number {
  const upper = ((hi % divisor) * 65_536 + (lo >>> 16)) % divisor;
  return (upper * 65_536 + (lo & 0xffff)) % divisor;
}

const TWO_32 = 2 ** 32;
const C1: Uint64 = { hi: 0x87c3_7b91, lo: 0x1142_53d5 };
const C2: Uint64 = { hi: 0x4cf5_ad43, lo: 0x2745_937f };
const MIX1: Uint64 = { hi: 0xff51_afd7, lo: 0xed55_8ccd };
const MIX2: Uint64 = { hi: 0xc4ce_b9fe, lo: 0x1a85_ec53 };

/** Of 8 or 9 bytes, which is a tail only: no block of 16 comes before it. */
function hash(number: number, hasNinth: boolean): [Uint64, Uint64] {
  const length = hasNinth ? 9 : 8;
  const tail = { hi: swapped(number >>> 0), lo: swapped(Math.floor(number / TWO_32)) };
  const first = product(turned31(product(tail, C1)), C2);
  const second = hasNinth ? NINTH : ZERO;
  let h1: Uint64 = { hi: first.hi, lo: (first.lo ^ length) >>> 0 };
  let h2: Uint64 = { hi: second.hi, lo: (second.lo ^ length) >>> 0 };
  h1 = sum(h1, h2);
  h2 = sum(h2, h1);
  h1 = mixed(h1);
  h2 = mixed(h2);
  h1 = sum(h1, h2);
  h2 = sum(h2, h1);
  return [h1, h2];
}

const ZERO: Uint64 = { hi: 0, lo: 0 };
/** What the ninth byte, always 0x01, adds to the second half; turned left by 33. */
const NINTH: Uint64 = product(turned31(turned1(turned1(C2))), C1);

function mixed(value: Uint64): Uint64 {
  return shifted(product(shifted(product(shifted(value), MIX1)), MIX2));
}

/** Xored with itself, shifted right by 33. */
function shifted({ hi, lo }: Uint64): Uint64 {
  return { hi, lo: (lo ^ (hi >>> 1)) >>> 0 };
}

function turned31({ hi, lo }: Uint64): Uint64 {
  return { hi: ((hi << 31) | (lo >>> 1)) >>> 0, lo: ((lo << 31) | (hi >>> 1)) >>> 0 };
}

function turned1({ hi, lo }: Uint64): Uint64 {
  return { hi: ((hi << 1) | (lo >>> 31)) >>> 0, lo: ((lo << 1) | (hi >>> 31)) >>> 0 };
}

function sum(a: Uint64, b: Uint64): Uint64 {
  const lo = a.lo + b.lo;
  return { hi: (a.hi + b.hi + (lo >= TWO_32 ? 1 : 0)) >>> 0, lo: lo >>> 0 };
}

/** Modulo 2^64. */
function product(a: Uint64, b: Uint64): Uint64 {
  const [a0, a1] = [a.lo & 0xffff, a.lo >>> 16];
  const [b0, b1] = [b.lo & 0xffff, b.lo >>> 16];
  const [low, cross, crossed] = [a0 * b0, a0 * b1, a1 * b0];
  const middle = (low >>> 16) + (cross & 0xffff) + (crossed & 0xffff);
  const lo = ((middle << 16) | (low & 0xffff)) >>> 0;
  const carried = a1 * b1 + (cross >>> 16) + (crossed >>> 16) + (middle >>> 16);
  const hi = (carried + Math.imul(a.lo, b.hi) + Math.imul(a.hi, b.lo)) >>> 0;
  return { hi, lo };
}

/** The bytes of a 32-bit number in the other order: the hash reads them least significant first. */
function swapped(value: number): number {
  const pairs = ((value << 8) & 0xff00_ff00) | ((value >>> 8) & 0x00ff_00ff);
  return ((pairs << 16) | (pairs >>> 16)) >>> 0;
}
