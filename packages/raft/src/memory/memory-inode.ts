// SPDX-License-Identifier: Apache-2.0
/** The contents of one file of the memory disk: what reads show, what is durable, what is dirty. */

import type { Prng } from "@conclave/base";

/** What becomes, in a power cut, of that which had not been synced. */
export type CrashFate =
  | { readonly kind: "lose-all" }
  | { readonly kind: "keep-all" }
  /** Each sector of each write, and how many of the renames, as chance will have it. */
  | { readonly kind: "random"; readonly prng: Prng };

const SECTOR_BYTES = 512;

interface DirtyWrite {
  readonly offset: number;
  readonly bytes: Uint8Array;
}

export class MemoryInode {
  /** Grown by doubling; only the first `size` bytes are the file. */
  #shown: Uint8Array;
  #size: number;
  #durable: Uint8Array;
  #dirty: DirtyWrite[] = [];

  constructor(durable: Uint8Array = new Uint8Array(0)) {
    this.#durable = durable;
    this.#shown = durable.slice();
    this.#size = durable.length;
  }

  get size(): number {
    return this.#size;
  }

  read(offset: number, length: number): Uint8Array {
    return this.#shown.slice(Math.min(offset, this.#size), Math.min(offset + length, this.#size));
  }

  /** Takes ownership of `bytes`. */
  write(offset: number, bytes: Uint8Array): void {
    this.#shown = grown(this.#shown, offset + bytes.length);
    this.#shown.set(bytes, offset);
    this.#size = Math.max(this.#size, offset + bytes.length);
    this.#dirty.push({ offset, bytes });
  }

  /** Begins a sync: its end makes durable what had been written by now, and nothing later. */
  beginSync(): () => void {
    const covered = new Set(this.#dirty);
    return () => {
      for (const write of this.#dirty) {
        if (covered.has(write)) this.#durable = put(this.#durable, write);
      }
      this.#dirty = this.#dirty.filter((write) => !covered.has(write));
    };
  }

  dropDirty(): void {
    this.#dirty = [];
  }

  flipBit(byte: number, bit: number): void {
    this.#shown[byte]! ^= 1 << bit;
    if (byte < this.#durable.length) this.#durable[byte]! ^= 1 << bit;
  }

  afterCrash(fate: CrashFate): MemoryInode {
    let durable: Uint8Array = this.#durable.slice();
    if (fate.kind === "lose-all") return new MemoryInode(durable);
    for (const write of this.#dirty) {
      for (const piece of fate.kind === "keep-all" ? [write] : survivors(write, fate.prng)) {
        durable = put(durable, piece);
      }
    }
    return new MemoryInode(durable);
  }
}

/** Some of the sectors that a write touches, and perhaps only the beginning of one of them. */
function survivors(write: DirtyWrite, prng: Prng): readonly DirtyWrite[] {
  const pieces: DirtyWrite[] = [];
  const end = write.offset + write.bytes.length;
  for (let at = write.offset; at < end; ) {
    const sectorEnd = Math.min(end, (Math.floor(at / SECTOR_BYTES) + 1) * SECTOR_BYTES);
    const kept = prng.chance(1, 8) ? prng.below(sectorEnd - at + 1) : sectorEnd - at;
    if (prng.chance(1, 2)) {
      const start = at - write.offset;
      pieces.push({ offset: at, bytes: write.bytes.subarray(start, start + kept) });
    }
    at = sectorEnd;
  }
  return pieces;
}

function put(bytes: Uint8Array, write: DirtyWrite): Uint8Array {
  const end = write.offset + write.bytes.length;
  let target: Uint8Array = bytes;
  if (end > bytes.length) {
    target = new Uint8Array(end);
    target.set(bytes);
  }
  target.set(write.bytes, write.offset);
  return target;
}

function grown(bytes: Uint8Array, length: number): Uint8Array {
  if (length <= bytes.length) return bytes;
  const larger = new Uint8Array(Math.max(length, bytes.length * 2));
  larger.set(bytes);
  return larger;
}
