// SPDX-License-Identifier: Apache-2.0
/**
 * A set of strings kept in order, in chunks, so that adding one to a million moves a few hundred
 * and a page of a listing costs its own length.
 *
 * Order is that of UTF-16 code units, the language's own. It holds each string once.
 */

import { assert } from "@conclave/base";

/** Half of this is moved when a chunk is split; small enough to stay in a cache. */
const CHUNK_MAX = 512;

export interface SortedTexts {
  /** Never empty, except for the only chunk of an empty set. */
  readonly chunks: string[][];
}

export function createSortedTexts(): SortedTexts {
  return { chunks: [[]] };
}

export function addText(set: SortedTexts, text: string): void {
  const at = chunkOf(set, text);
  const chunk = set.chunks[at]!;
  const position = lowerBound(chunk, text);
  assert(chunk[position] !== text, "E15: a key is listed once");
  chunk.splice(position, 0, text);
  if (chunk.length > CHUNK_MAX) set.chunks.splice(at + 1, 0, chunk.splice(CHUNK_MAX / 2));
}

export function removeText(set: SortedTexts, text: string): void {
  const at = chunkOf(set, text);
  const chunk = set.chunks[at]!;
  const position = lowerBound(chunk, text);
  assert(chunk[position] === text, "E15: a key that is removed was listed");
  chunk.splice(position, 1);
  if (chunk.length === 0 && set.chunks.length > 1) set.chunks.splice(at, 1);
}

/** All strings at or above `from`, in order. The set must not change meanwhile. */
export function* textsFrom(set: SortedTexts, from: string): Generator<string, void, undefined> {
  let at = chunkOf(set, from);
  let position = lowerBound(set.chunks[at]!, from);
  for (; at < set.chunks.length; at++, position = 0) {
    const chunk = set.chunks[at]!;
    for (; position < chunk.length; position++) yield chunk[position]!;
  }
}

/** How many strings are at or above `from` and below `to`. Costs the chunks between the two. */
export function countTexts(set: SortedTexts, from: string, to: string): number {
  const [first, last] = [chunkOf(set, from), chunkOf(set, to)];
  let count = lowerBound(set.chunks[last]!, to) - lowerBound(set.chunks[first]!, from);
  for (let at = first; at < last; at++) count += set.chunks[at]!.length;
  return count;
}

/** The last chunk that begins at or below the text: the one where it is or would be. */
function chunkOf(set: SortedTexts, text: string): number {
  let low = 0;
  let high = set.chunks.length;
  while (high - low > 1) {
    const middle = (low + high) >>> 1;
    if (set.chunks[middle]![0]! <= text) low = middle;
    else high = middle;
  }
  return low;
}

function lowerBound(chunk: readonly string[], text: string): number {
  let low = 0;
  let high = chunk.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (chunk[middle]! < text) low = middle + 1;
    else high = middle;
  }
  return low;
}
