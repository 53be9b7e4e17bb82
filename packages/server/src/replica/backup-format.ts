// SPDX-License-Identifier: Apache-2.0
/**
 * A backup as a file: what a cluster is, then partition by partition the state machine's snapshot.
 *
 *     "conclave-backup\n" | version u32 | frame | frame | ...
 *     frame: type u8 | length u32 | payload | SHA-256 of the checksum before and of this frame
 *
 * Numbers are big-endian. Each checksum covers all that came before, so a frame that is missing, cut,
 * moved or changed is found at once, and the last one names the whole file. The chain begins with the
 * SHA-256 of the first 20 bytes.
 */

import { sha256 } from "@noble/hashes/sha2.js";

export interface BackupHeader {
  readonly clusterId: Uint8Array;
  readonly partitionCount: number;
  /** Unix milliseconds, for showing. */
  readonly savedMs: number;
}

export type BackupItem =
  | ({ readonly kind: "header" } & BackupHeader)
  /** The chunks that follow are this partition's. */
  | { readonly kind: "partition"; readonly number: number; readonly revision: bigint }
  | { readonly kind: "chunk"; readonly bytes: Uint8Array }
  /** `digest` is the file's. */
  | { readonly kind: "end"; readonly digest: Uint8Array };

export type BackupFault =
  | { readonly kind: "damaged"; readonly detail: string }
  | { readonly kind: "newer"; readonly detail: string };

const MAGIC = new TextEncoder().encode("conclave-backup\n");
const VERSION = 1;
const PREFIX_BYTES: number = MAGIC.length + 4;
const TYPES = { header: 1, partition: 2, chunk: 3, end: 4 } as const;
const FRAME_HEAD_BYTES = 5;
const DIGEST_BYTES = 32;
/** Far above the largest record of a state machine. A longer frame is damage and is not waited for. */
const PAYLOAD_BYTES_MAX = 64 * 1024 * 1024;

/** Makes the bytes of a backup, to be written one after another. */
export class BackupWriter {
  #digest: Uint8Array<ArrayBuffer> = new Uint8Array();

  begin({ clusterId, partitionCount, savedMs }: BackupHeader): Uint8Array {
    const prefix = new Uint8Array(PREFIX_BYTES);
    prefix.set(MAGIC);
    new DataView(prefix.buffer).setUint32(MAGIC.length, VERSION);
    this.#digest = sha256(prefix);
    const payload = new Uint8Array(clusterId.length + 12);
    payload.set(clusterId);
    const view = new DataView(payload.buffer, clusterId.length);
    view.setUint32(0, partitionCount);
    view.setBigUint64(4, BigInt(savedMs));
    return joined([prefix, this.#frame(TYPES.header, payload)]);
  }

  partition(number: number, revision: bigint): Uint8Array {
    const payload = new Uint8Array(12);
    const view = new DataView(payload.buffer);
    view.setUint32(0, number);
    view.setBigUint64(4, revision);
    return this.#frame(TYPES.partition, payload);
  }

  chunk(bytes: Uint8Array): Uint8Array {
    return this.#frame(TYPES.chunk, bytes);
  }

  end(): Uint8Array {
    return this.#frame(TYPES.end, new Uint8Array());
  }

  #frame(type: number, payload: Uint8Array): Uint8Array {
    const head = new Uint8Array(FRAME_HEAD_BYTES);
    head[0] = type;
    new DataView(head.buffer).setUint32(1, payload.length);
    this.#digest = digestOf(this.#digest, head, payload);
    return joined([head, payload, this.#digest]);
  }
}

/** The items of a backup, each verified before it is given out. Ends with `end`, or with a fault. */
export async function* readBackup(
  source: AsyncIterable<Uint8Array>,
): AsyncGenerator<BackupItem | BackupFault, void, undefined> {
  const input = new Input(source);
  const prefix = await input.take(PREFIX_BYTES);
  if (prefix === undefined || !MAGIC.every((byte, i) => prefix[i] === byte)) {
    yield { kind: "damaged", detail: "it does not begin as a backup does" };
    return;
  }
  const version = viewOf(prefix).getUint32(MAGIC.length);
  if (version !== VERSION) {
    yield { kind: "newer", detail: `it has format ${version}; this version reads ${VERSION}` };
    return;
  }
  let digest = sha256(prefix);
  let expected: readonly BackupItem["kind"][] = ["header"];
  for (;;) {
    const at = input.offset;
    const frame = await readFrame(input, digest);
    if (frame === undefined) {
      yield { kind: "damaged", detail: `what stands at byte ${at} does not verify` };
      return;
    }
    digest = frame.digest;
    const item = itemOf(frame.type, frame.payload, digest);
    if (item === undefined || !expected.includes(item.kind)) {
      yield { kind: "damaged", detail: `what stands at byte ${at} does not belong there` };
      return;
    }
    if (item.kind === "end" && (await input.take(1)) !== undefined) {
      yield { kind: "damaged", detail: "something follows its end" };
      return;
    }
    yield item;
    if (item.kind === "end") return;
    expected = item.kind === "header" ? ["partition"] : ["partition", "chunk", "end"];
  }
}

interface Frame {
  readonly type: number;
  readonly payload: Uint8Array;
  readonly digest: Uint8Array<ArrayBuffer>;
}

async function readFrame(input: Input, before: Uint8Array): Promise<Frame | undefined> {
  const head = await input.take(FRAME_HEAD_BYTES);
  if (head === undefined) return undefined;
  const length = viewOf(head).getUint32(1);
  if (length > PAYLOAD_BYTES_MAX) return undefined;
  const payload = await input.take(length);
  const found = payload === undefined ? undefined : await input.take(DIGEST_BYTES);
  if (payload === undefined || found === undefined) return undefined;
  const digest = digestOf(before, head, payload);
  if (!digest.every((byte, i) => found[i] === byte)) return undefined;
  return { type: head[0] ?? 0, payload, digest };
}

function itemOf(type: number, payload: Uint8Array, digest: Uint8Array): BackupItem | undefined {
  const view = viewOf(payload);
  switch (type) {
    case TYPES.header: {
      const at = payload.length - 12;
      if (at < 0) return undefined;
      const partitionCount = view.getUint32(at);
      const savedMs = Number(view.getBigUint64(at + 4));
      return { kind: "header", clusterId: payload.slice(0, at), partitionCount, savedMs };
    }
    case TYPES.partition:
      if (payload.length !== 12) return undefined;
      return { kind: "partition", number: view.getUint32(0), revision: view.getBigUint64(4) };
    case TYPES.chunk:
      return { kind: "chunk", bytes: payload };
    case TYPES.end:
      return { kind: "end", digest };
    default:
      return undefined;
  }
}

/** Bytes that come in pieces of any size, taken in pieces of the size that is wanted. */
class Input {
  offset = 0;
  readonly #source: AsyncIterator<Uint8Array>;
  #pieces: Uint8Array[] = [];
  #held = 0;

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#source = source[Symbol.asyncIterator]();
  }

  /** The next `length` bytes, or undefined if there are not as many. */
  async take(length: number): Promise<Uint8Array | undefined> {
    while (this.#held < length) {
      const next = await this.#source.next();
      if (next.done === true) return undefined;
      this.#pieces.push(next.value);
      this.#held += next.value.length;
    }
    const whole = this.#pieces.length === 1 ? this.#pieces[0]! : joined(this.#pieces);
    this.#pieces = [whole.subarray(length)];
    this.#held -= length;
    this.offset += length;
    return whole.subarray(0, length);
  }
}

function digestOf(before: Uint8Array, head: Uint8Array, payload: Uint8Array) {
  return sha256.create().update(before).update(head).update(payload).digest();
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function joined(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
