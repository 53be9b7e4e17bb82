// SPDX-License-Identifier: Apache-2.0
/**
 * The Connect protocol's envelopes: one byte of flags, four of length, a message. Our own reading and
 * writing of them for Attach, of which a process holds thousands, on both sides.
 *
 * It knows no message and no stream.
 */

const HEAD_BYTES = 5;
const NOTHING: Uint8Array = new Uint8Array(0);

/** Of an envelope's flags. */
export const ENVELOPE_COMPRESSED = 0b01;
/** It is the stream's last and holds JSON: how the call ended. */
export const ENVELOPE_END = 0b10;

export function envelopeOf(flags: number, message: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(HEAD_BYTES + message.length);
  bytes[0] = flags;
  new DataView(bytes.buffer).setUint32(1, message.length);
  bytes.set(message, HEAD_BYTES);
  return bytes;
}

/** Puts envelopes together from the chunks of a stream, however it has cut them. */
export class EnvelopeReader {
  readonly #bytesMax: number;
  readonly #take: (flags: number, message: Uint8Array) => boolean;
  /** What has come of an envelope that is not whole yet. */
  #rest: Uint8Array = NOTHING;

  /**
   * @param bytesMax of one message.
   * @param take is given a copy, which keeps no buffer of the socket alive. False: read no further.
   */
  constructor(bytesMax: number, take: (flags: number, message: Uint8Array) => boolean) {
    this.#bytesMax = bytesMax;
    this.#take = take;
  }

  /** Whether an envelope has begun and is not whole. */
  get isAmidst(): boolean {
    return this.#rest.length > 0;
  }

  /**
   * Takes what is whole by now, and throws what `take` throws. Answers the length of a message that is
   * too long, after which nothing may be read any more.
   */
  read(chunk: Uint8Array): number | undefined {
    let bytes = this.#rest.length === 0 ? chunk : joined(this.#rest, chunk);
    while (bytes.length >= HEAD_BYTES) {
      const length = new DataView(bytes.buffer, bytes.byteOffset).getUint32(1);
      if (length > this.#bytesMax) return length;
      const end = HEAD_BYTES + length;
      if (bytes.length < end) break;
      const goesOn = this.#take(bytes[0]!, Uint8Array.prototype.slice.call(bytes, HEAD_BYTES, end));
      if (!goesOn) return undefined;
      bytes = bytes.subarray(end);
    }
    // Not an empty part of the chunk, which would keep the whole of it.
    this.#rest = bytes.length === 0 ? NOTHING : bytes;
    return undefined;
  }
}

function joined(before: Uint8Array, after: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(before.length + after.length);
  bytes.set(before);
  bytes.set(after, before.length);
  return bytes;
}
