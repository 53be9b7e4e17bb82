// SPDX-License-Identifier: Apache-2.0
/**
 * A hash of 64 bits that is equal on every platform: for comparing states and finding damage, not
 * against malice. Two lanes of FNV-1a, the second over the bits turned over.
 */

export interface Hash {
  low: number;
  high: number;
}

export function createHash(): Hash {
  return { low: 0x811c9dc5, high: 0x1f83d9ab };
}

export function hashBytes(hash: Hash, bytes: Uint8Array): void {
  let { low, high } = hash;
  for (let i = 0; i < bytes.length; i++) {
    low = Math.imul(low ^ bytes[i]!, 0x01000193);
    high = Math.imul(high ^ (bytes[i]! ^ 0xff), 0x01000193) + (low >>> 15);
  }
  hash.low = low | 0;
  hash.high = high | 0;
}

export function hashValue(hash: Hash): bigint {
  return (BigInt(hash.high >>> 0) << 32n) | BigInt(hash.low >>> 0);
}
