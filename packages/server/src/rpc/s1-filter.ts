// SPDX-License-Identifier: Apache-2.0
/**
 * The Bloom filter in which a client of S1 sends the numbers that it still has open (semantics
 * 4.2.4). It is read here and never written; a number that it holds by accident is cleaned up later.
 */

import { base64Decode } from "@bufbuild/protobuf/wire";
import { NumberHashes } from "./s1-hash.ts";

export interface NumberFilter {
  /** Whether the number is open, or looks so. */
  has(number: number): boolean;
}

/** Undefined where the bytes are no filter. No bytes at all are the empty one. */
export function readFilter(bytes: Uint8Array): NumberFilter | undefined {
  if (bytes.length === 0) return EMPTY;
  const parts = readJson(new TextDecoder().decode(bytes));
  if (parts === undefined) return undefined;
  const bits = readBits(parts.bits);
  if (bits === undefined) return undefined;
  // An empty filter comes with a `k` of 2^63, which is a NaN made whole; it is not to be walked to.
  if (bits.every((byte) => byte === 0)) return EMPTY;
  const isSound = parts.size <= SIZE_MAX && parts.places <= PLACES_MAX;
  return isSound ? filterOf(bits, Number(parts.size), Number(parts.places)) : undefined;
}

const EMPTY: NumberFilter = { has: () => false };
/** Bits: more than fit into a request. */
const SIZE_MAX = 1n << 32n;
/** The clients have 5 of them; each costs time. */
const PLACES_MAX = 16n;

interface FilterParts {
  readonly size: bigint;
  readonly places: bigint;
  readonly bits: string;
}

/** The numbers are read as what they are: the least above 2^53 is no double any more. */
function readJson(text: string): FilterParts | undefined {
  try {
    const quoted = text.replace(/("[mk]"\s*:\s*)(\d+)/g, '$1"$2"');
    const { m, k, b } = JSON.parse(quoted) as Readonly<Record<string, unknown>>;
    if (typeof b !== "string" || !isDigits(m) || !isDigits(k)) return undefined;
    // As in the original, which makes the least of either 1.
    return { size: BigInt(m) || 1n, places: BigInt(k) || 1n, bits: b };
  } catch {
    return undefined;
  }
}

function isDigits(value: unknown): value is string {
  return typeof value === "string" && /^\d{1,20}$/.test(value);
}

/** The length in bits, then words of 64; here bit j is bit j mod 8 of byte j div 8. */
function readBits(text: string): Uint8Array | undefined {
  const bytes = decode(text);
  if (bytes === undefined || bytes.length < 8 || bytes.length % 8 !== 0) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const length = view.getBigUint64(0);
  if (length > BigInt(bytes.length - 8) * 8n || length <= BigInt(bytes.length - 16) * 8n) {
    return undefined;
  }
  const bits = new Uint8Array(bytes.length - 8);
  for (let at = 0; at < bits.length; at++) {
    bits[at] = bytes[8 + (at - (at % 8)) + (7 - (at % 8))] ?? 0;
  }
  // Bits of the last word beyond the length are not of the filter.
  for (let bit = Number(length); bit < bits.length * 8; bit++) {
    bits[bit >>> 3] = (bits[bit >>> 3] ?? 0) & ~(1 << (bit & 7));
  }
  return bits;
}

function decode(base64: string): Uint8Array | undefined {
  try {
    return base64Decode(base64);
  } catch {
    return undefined;
  }
}

function filterOf(bits: Uint8Array, size: number, places: number): NumberFilter {
  const hashes = new NumberHashes();
  return {
    has(number) {
      hashes.begin(number);
      for (let i = 0; i < places; i++) {
        const bit = hashes.placeIn(size, i);
        if (((bits[bit >>> 3] ?? 0) & (1 << (bit & 7))) === 0) return false;
      }
      return true;
    },
  };
}
