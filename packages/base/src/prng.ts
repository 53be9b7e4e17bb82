// SPDX-License-Identifier: Apache-2.0
/**
 * Chance as an argument: a small seeded generator (SFC32) with named child streams.
 *
 * Equal seeds give equal sequences on every platform, since only 32-bit integer arithmetic is used
 * and no floating point appears in the interface. It is not for secrets: session ids come from the
 * platform's CSPRNG.
 */

import { assert } from "./assert.ts";

export interface Prng {
  /** A uniform integer of 32 bits, 0 to 2^32 - 1. */
  nextUint32(): number;
  /** A uniform integer from 0 to `bound` - 1; `bound` is 1 to 2^32. */
  below(bound: number): number;
  /** True with the exact probability `numerator / denominator`. */
  chance(numerator: number, denominator: number): boolean;
  /**
   * An independent generator derived from this one's seed and the name, not from how often this one
   * was drawn from: a new consumer of chance does not shift the sequences of the others.
   */
  child(name: string): Prng;
}

/** A generator for the seed, an unsigned integer of 64 bits. */
export function createPrng(seed: bigint): Prng {
  assert(seed >= 0n && seed < 1n << 64n, "a seed has 64 bits");
  let a = Number(seed & 0xffffffffn) | 0;
  let b = Number(seed >> 32n) | 0;
  let c = 0x9e3779b9 | 0;
  let counter = 1;

  const nextUint32 = (): number => {
    const sum = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + sum) | 0;
    return sum >>> 0;
  };
  // The first outputs still show the seed's bits; twelve rounds mix every bit into every word.
  for (let round = 0; round < 12; round++) nextUint32();

  const below = (bound: number): number => {
    assert(Number.isInteger(bound) && bound >= 1 && bound <= 2 ** 32, "a bound is 1 to 2^32");
    // Values of the last, incomplete interval are drawn again, or small results would be likelier.
    const limit = 2 ** 32 - (2 ** 32 % bound);
    let value = nextUint32();
    while (value >= limit) value = nextUint32();
    return value % bound;
  };

  return {
    nextUint32,
    below,
    chance: (numerator, denominator) => {
      assert(numerator >= 0 && numerator <= denominator, "a probability is 0 to 1");
      return below(denominator) < numerator;
    },
    child: (name) => createPrng(mixName(seed, name)),
  };
}

/** FNV-1a 64 of the seed's eight bytes and the name's UTF-16 units: only equal inputs meet. */
function mixName(seed: bigint, name: string): bigint {
  let hash = 0xcbf29ce484222325n;
  const mix = (value: bigint): void => {
    hash = ((hash ^ value) * 0x100000001b3n) & 0xffffffffffffffffn;
  };
  for (let shift = 0n; shift < 64n; shift += 8n) mix((seed >> shift) & 0xffn);
  for (let i = 0; i < name.length; i++) mix(BigInt(name.charCodeAt(i)));
  return hash;
}
