// SPDX-License-Identifier: Apache-2.0
/**
 * Where a Bloom filter of S1's clients keeps a number: MurmurHash3 x64 128, seed 0, and the places
 * derived from it (semantics 4.2.4).
 *
 * A KeepAlive asks about tens of thousands of numbers in one turn, so that 64 bits are two halves of
 * 32 in arrays that are made once: with big integers, or an object for each result, it takes ten
 * times as long.
 */

/** The places of one number at a time, up to 2^53. */
export class NumberHashes {
  /** h1 to h4, each as its upper half and its lower. */
  readonly #halves = new Uint32Array(8);
  #number = 0;
  #hasAll = false;

  /** From now on this is about `number`, as its 8 bytes, big-endian. */
  begin(number: number): void {
    this.#number = number;
    this.#hasAll = false;
    hash(number, 8, this.#halves, 0);
  }

  /**
   * Place `i` of the number in a filter.
   *
   * @param size of the filter in bits, at most 2^32.
   */
  placeIn(size: number, i: number): number {
    this.#locate(i);
    const upper = remainder((TOTAL[0] ?? 0) % size, (TOTAL[1] ?? 0) >>> 16, size);
    return remainder(upper, (TOTAL[1] ?? 0) & 0xffff, size);
  }

  /** Place `i` before it is taken modulo the size. */
  place(i: number): bigint {
    this.#locate(i);
    return (BigInt(TOTAL[0] ?? 0) << 32n) | BigInt(TOTAL[1] ?? 0);
  }

  /** h[i mod 2] + i h[2 + ((i + i mod 2) mod 4) / 2], into `TOTAL`. */
  #locate(i: number): void {
    const base = (i % 2) * 2;
    // The first place needs the first hash only, and with most numbers it ends there.
    if (i > 0 && !this.#hasAll) {
      hash(this.#number, 9, this.#halves, 4);
      this.#hasAll = true;
    }
    const step = 4 + ((i + (i % 2)) % 4);
    const halves = this.#halves;
    const low = (halves[base + 1] ?? 0) + (halves[step + 1] ?? 0) * i;
    TOTAL[0] = (halves[base] ?? 0) + (halves[step] ?? 0) * i + Math.floor(low / TWO_32);
    TOTAL[1] = low;
  }
}

const TWO_32 = 2 ** 32;
/** Where a sum or a product is left, its upper half first. */
const TOTAL = new Uint32Array(2);

const C1_HI = 0x87c3_7b91;
const C1_LO = 0x1142_53d5;
const C2_HI = 0x4cf5_ad43;
const C2_LO = 0x2745_937f;
/** What a ninth byte, always 0x01, adds to the second half: C2, turned left by 33, times C1. */
multiply(0x4e8b_26fe, 0x99eb_5a86, C1_HI, C1_LO);
const NINTH_HI = TOTAL[0] ?? 0;
const NINTH_LO = TOTAL[1] ?? 0;

/** Of 8 bytes, or 9 of which the last is 0x01: a tail only, no block of 16 comes before it. */
function hash(number: number, length: 8 | 9, into: Uint32Array, at: number): void {
  // It reads bytes least significant first.
  multiply(swapped(number % TWO_32), swapped(Math.floor(number / TWO_32)), C1_HI, C1_LO);
  const hi = TOTAL[0] ?? 0;
  const lo = TOTAL[1] ?? 0;
  multiply((hi << 31) | (lo >>> 1), (lo << 31) | (hi >>> 1), C2_HI, C2_LO);
  into[at] = TOTAL[0] ?? 0;
  into[at + 1] = (TOTAL[1] ?? 0) ^ length;
  into[at + 2] = length === 8 ? 0 : NINTH_HI;
  into[at + 3] = (length === 8 ? 0 : NINTH_LO) ^ length;
  add(into, at, at + 2);
  add(into, at + 2, at);
  mix(into, at);
  mix(into, at + 2);
  add(into, at, at + 2);
  add(into, at + 2, at);
}

function mix(halves: Uint32Array, at: number): void {
  const hi = halves[at] ?? 0;
  multiply(hi, (halves[at + 1] ?? 0) ^ (hi >>> 1), 0xff51_afd7, 0xed55_8ccd);
  multiply(TOTAL[0] ?? 0, (TOTAL[1] ?? 0) ^ ((TOTAL[0] ?? 0) >>> 1), 0xc4ce_b9fe, 0x1a85_ec53);
  halves[at] = TOTAL[0] ?? 0;
  halves[at + 1] = (TOTAL[1] ?? 0) ^ ((TOTAL[0] ?? 0) >>> 1);
}

/** Modulo 2^64, to the number at `to` the one at `from`. */
function add(halves: Uint32Array, to: number, from: number): void {
  const low = (halves[to + 1] ?? 0) + (halves[from + 1] ?? 0);
  halves[to] = (halves[to] ?? 0) + (halves[from] ?? 0) + (low >= TWO_32 ? 1 : 0);
  halves[to + 1] = low;
}

/** Modulo 2^64, into `TOTAL`. */
function multiply(aHi: number, aLo: number, bHi: number, bLo: number): void {
  const a0 = aLo & 0xffff;
  const a1 = aLo >>> 16;
  const b0 = bLo & 0xffff;
  const b1 = bLo >>> 16;
  const low = Math.imul(a0, b0) >>> 0;
  const cross = Math.imul(a0, b1) >>> 0;
  const crossed = Math.imul(a1, b0) >>> 0;
  const middle = (low >>> 16) + (cross & 0xffff) + (crossed & 0xffff);
  const carried = (Math.imul(a1, b1) + (cross >>> 16) + (crossed >>> 16) + (middle >>> 16)) | 0;
  TOTAL[0] = (carried + Math.imul(aLo, bHi) + Math.imul(aHi, bLo)) | 0;
  TOTAL[1] = (middle << 16) | (low & 0xffff);
}

/** Of `upper` and 16 bits behind it. Modulo by way of division: the operator is slow beyond 32 bits. */
function remainder(upper: number, lower: number, divisor: number): number {
  const value = upper * 65_536 + lower;
  const rest = value - Math.floor(value / divisor) * divisor;
  if (rest < 0) return rest + divisor;
  return rest < divisor ? rest : rest - divisor;
}

function swapped(value: number): number {
  const pairs = ((value << 8) & 0xff00_ff00) | ((value >>> 8) & 0x00ff_00ff);
  return (pairs << 16) | (pairs >>> 16);
}
