// SPDX-License-Identifier: Apache-2.0
/**
 * Which partition is the home of a name.
 *
 * The rule is public: unmodified Go clients of the older protocols compute it too (semantics A1),
 * so it can never change. It reads the name alone, not the namespace and not the kind.
 */

import { assert } from "@conclave/base";

const FNV_OFFSET_BASIS = 0x811c9dc5;
const FNV_PRIME = 0x01000193;

const utf8 = new TextEncoder();

/** The home of a name: partition 1 + (FNV-1a 32 of its UTF-8 bytes, modulo the partition count). */
export function homeOf(name: string, partitionCount: number): number {
  assert(Number.isInteger(partitionCount) && partitionCount >= 1, "there is a partition");
  return 1 + (fnv1a32(name) % partitionCount);
}

/** FNV-1a with 32 bits over the UTF-8 bytes of a text. */
export function fnv1a32(text: string): number {
  let hash = FNV_OFFSET_BASIS;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    // Names are nearly always ASCII, where a unit is its own byte and nothing need be encoded.
    if (unit > 0x7f) return hashOfBytes(utf8.encode(text));
    hash = Math.imul(hash ^ unit, FNV_PRIME);
  }
  return hash >>> 0;
}

function hashOfBytes(bytes: Uint8Array): number {
  let hash = FNV_OFFSET_BASIS;
  for (const byte of bytes) hash = Math.imul(hash ^ byte, FNV_PRIME);
  return hash >>> 0;
}
