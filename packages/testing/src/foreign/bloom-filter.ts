// SPDX-License-Identifier: Apache-2.0
/**
 * The filter over open numbers that an S1 client sends with each KeepAlive: that of Go's
 * bits-and-blooms 3.2, with MurmurHash3 x64 128 below it.
 */

/** The JSON of a filter over these numbers, as the client sends it. */
export function bloomFilter(numbers: readonly bigint[]): string {
  // Sized for no entries, Go divides 0 by 0 and converts the result.
  if (numbers.length === 0) return '{"m":1,"k":9223372036854775808,"b":"AAAAAAAAAAA="}';
  const n = numbers.length;
  const m = Math.max(1, Math.ceil((-n * Math.log(0.05)) / Math.LN2 ** 2));
  const k = Math.max(1, Math.ceil((m / n) * Math.LN2));
  const words = new Array<bigint>(Math.ceil(m / 64)).fill(0n);
  for (const number of numbers) {
    for (const location of rawLocations(number, k)) {
      const bit = location % BigInt(m);
      const word = Number(bit / 64n);
      words[word] = words[word]! | (1n << (bit % 64n));
    }
  }
  const bytes = Buffer.concat([BigInt(m), ...words].map(bigEndian));
  // With padding, which Node's own base64url leaves out.
  const text = bytes.toString("base64").replaceAll("+", "-").replaceAll("/", "_");
  return `{"m":${m},"k":${k},"b":"${text}"}`;
}

/** Before they are taken modulo the filter's length. */
export function rawLocations(number: bigint, k: number): readonly bigint[] {
  const bytes = bigEndian(number);
  const h = [...murmur128(bytes), ...murmur128(Buffer.concat([bytes, Buffer.from([1])]))];
  return Array.from({ length: k }, (_, i) => {
    const step = h[2 + ((i + (i % 2)) % 4) / 2]!;
    return BigInt.asUintN(64, h[i % 2]! + BigInt(i) * step);
  });
}

function bigEndian(number: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(number);
  return bytes;
}

const C1 = 0x87c37b91114253d5n;
const C2 = 0x4cf5ad432745937fn;

/** Of fewer than 16 bytes, seed 0: nothing but the tail and the end of the algorithm. */
function murmur128(bytes: Buffer): readonly [bigint, bigint] {
  const length = BigInt(bytes.length);
  const padded = Buffer.alloc(16);
  bytes.copy(padded);
  let h1 = mul(rotate(mul(padded.readBigUInt64LE(0), C1), 31n), C2);
  let h2 = mul(rotate(mul(padded.readBigUInt64LE(8), C2), 33n), C1);
  h1 ^= length;
  h2 ^= length;
  h1 = BigInt.asUintN(64, h1 + h2);
  h2 = BigInt.asUintN(64, h2 + h1);
  h1 = finish(h1);
  h2 = finish(h2);
  h1 = BigInt.asUintN(64, h1 + h2);
  h2 = BigInt.asUintN(64, h2 + h1);
  return [h1, h2];
}

function mul(one: bigint, other: bigint): bigint {
  return BigInt.asUintN(64, one * other);
}

function rotate(value: bigint, by: bigint): bigint {
  return BigInt.asUintN(64, (value << by) | (value >> (64n - by)));
}

function finish(value: bigint): bigint {
  let mixed = mul(value ^ (value >> 33n), 0xff51afd7ed558ccdn);
  mixed = mul(mixed ^ (mixed >> 33n), 0xc4ceb9fe1a85ec53n);
  return mixed ^ (mixed >> 33n);
}
