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
  /** Its first `#gathered` bytes have come of an envelope that is not whole yet. */
  #rest: Uint8Array = NOTHING;
  #gathered = 0;

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
    return this.#gathered > 0;
  }

  /**
   * Takes what is whole by now, and throws what `take` throws. Answers the length of a message that is
   * too long, after which nothing may be read any more.
   */
  read(chunk: Uint8Array): number | undefined {
    const bytes = this.#gathered === 0 ? chunk : this.#gather(chunk);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    let at = 0;
    while (bytes.length - at >= HEAD_BYTES) {
      const length = view.getUint32(at + 1);
      if (length > this.#bytesMax) return length;
      const end = at + HEAD_BYTES + length;
      if (bytes.length < end) break;
      // Not `slice`, by which a part of a Buffer is a Buffer.
      const goesOn = this.#take(bytes[at]!, new Uint8Array(bytes.subarray(at + HEAD_BYTES, end)));
      if (!goesOn) return undefined;
      at = end;
    }
    if (at > 0 || this.#gathered === 0) this.#keep(bytes.subarray(at));
    return undefined;
  }

  #gather(chunk: Uint8Array): Uint8Array {
    const gathered = this.#gathered + chunk.length;
    if (gathered > this.#rest.length) {
      // Doubled, or a long message would be copied again with each of its chunks.
      const larger = new Uint8Array(Math.max(gathered, 2 * this.#rest.length));
      larger.set(this.#rest.subarray(0, this.#gathered));
      this.#rest = larger;
    }
    this.#rest.set(chunk, this.#gathered);
    this.#gathered = gathered;
    return this.#rest.subarray(0, gathered);
  }

  #keep(rest: Uint8Array): void {
    this.#gathered = rest.length;
    this.#rest = rest.length === 0 ? NOTHING : new Uint8Array(rest);
  }
}
