// SPDX-License-Identifier: Apache-2.0
/**
 * The chunks of a snapshot within the one run of bytes that a log keeps: each behind its length.
 *
 * The state machine reads its chunks one by one, and a log gives them back in one piece, or cut
 * elsewhere. Four bytes, big-endian, say how long the chunk behind them is.
 */

const LENGTH_BYTES = 4;

export function* frameChunks(chunks: Iterable<Uint8Array>): Generator<Uint8Array> {
  for (const chunk of chunks) {
    const length = new Uint8Array(LENGTH_BYTES);
    new DataView(length.buffer).setUint32(0, chunk.length);
    yield length;
    yield chunk;
  }
}

/** The chunks, or undefined if the bytes do not end where a chunk does. */
export function splitChunks(bytes: Uint8Array): readonly Uint8Array[] | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const chunks: Uint8Array[] = [];
  let offset = 0;
  while (offset < bytes.length) {
    if (offset + LENGTH_BYTES > bytes.length) return undefined;
    const end = offset + LENGTH_BYTES + view.getUint32(offset);
    if (end > bytes.length) return undefined;
    chunks.push(bytes.subarray(offset + LENGTH_BYTES, end));
    offset = end;
  }
  return chunks;
}
