// SPDX-License-Identifier: Apache-2.0
/** Unsigned LEB128 of 64 bits: the numbers inside our opaque tokens. */

/** Appends a number, 0 to 2^64 - 1. */
export function writeVarint(bytes: number[], value: bigint): void {
  let rest = value;
  while (rest >= 0x80n) {
    bytes.push(Number(rest & 0x7fn) | 0x80);
    rest >>= 7n;
  }
  bytes.push(Number(rest));
}

/** The number at `offset` and where the next one begins; undefined where there is none. */
export function readVarint(
  bytes: Uint8Array,
  offset: number,
): { readonly value: bigint; readonly next: number } | undefined {
  let value = 0n;
  for (let i = 0; i < 10; i++) {
    const byte = bytes[offset + i];
    if (byte === undefined) return undefined;
    value |= BigInt(byte & 0x7f) << BigInt(7 * i);
    if (byte < 0x80) return value < 1n << 64n ? { value, next: offset + i + 1 } : undefined;
  }
  return undefined;
}
