// SPDX-License-Identifier: Apache-2.0
/**
 * CRC-32C (Castagnoli), eight bytes at a step.
 *
 * The checksum of every record on disk. Not zlib's CRC-32, whose polynomial finds fewer of the errors
 * that disks make in short records. It keeps no state between calls.
 */

/** The Castagnoli polynomial with its bits reversed, since the CRC is computed low bit first. */
const POLYNOMIAL = 0x82f63b78;

/** Eight tables in one: table k holds the effect of a byte that k further bytes follow. */
const TABLES: Int32Array = makeTables();

/**
 * The CRC-32C of `bytes[start, end)`, an unsigned 32-bit number; 0xe3069283 for "123456789".
 *
 * @param before the result for the bytes before these, to compute one checksum over several ranges.
 */
export function crc32c(
  bytes: Uint8Array,
  start: number = 0,
  end: number = bytes.length,
  before: number = 0,
): number {
  const t = TABLES;
  let crc = ~before;
  let at = start;
  for (const stop = end - 7; at < stop; at += 8) {
    const low =
      crc ^ (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24));
    crc =
      t[0x700 | (low & 0xff)]! ^
      t[0x600 | ((low >>> 8) & 0xff)]! ^
      t[0x500 | ((low >>> 16) & 0xff)]! ^
      t[0x400 | (low >>> 24)]! ^
      t[0x300 | bytes[at + 4]!]! ^
      t[0x200 | bytes[at + 5]!]! ^
      t[0x100 | bytes[at + 6]!]! ^
      t[bytes[at + 7]!]!;
  }
  for (; at < end; at++) crc = (crc >>> 8) ^ t[(crc ^ bytes[at]!) & 0xff]!;
  return ~crc >>> 0;
}

function makeTables(): Int32Array {
  const tables = new Int32Array(8 * 256);
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? POLYNOMIAL : 0);
    tables[byte] = crc;
  }
  for (let i = 256; i < tables.length; i++) {
    const shorter = tables[i - 256]!;
    tables[i] = (shorter >>> 8) ^ tables[shorter & 0xff]!;
  }
  return tables;
}
