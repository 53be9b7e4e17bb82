// SPDX-License-Identifier: Apache-2.0
/**
 * The honest in-memory twin of a disk: it may do whatever a real one may, and does so on demand.
 *
 * What was written shows in reads at once and is durable only after a good sync. A crash loses, keeps
 * or tears what was not, sector by sector and in any order; a failed sync drops the dirty pages while
 * reads go on to show them; names live and die apart from contents. It reads no clock but the one
 * that it is given for the time a sync takes.
 */

import { assert, type Clock, type Prng } from "@conclave/base";
import type { Disk, DiskFault, DiskFaultReason, DiskFile, DiskResult } from "../store/disk.ts";
import { MemoryDirectory } from "./memory-directory.ts";
import { type CrashFate, MemoryInode } from "./memory-inode.ts";

/** What an operation does: for aiming faults at a kind of it. */
export type DiskOperation =
  | "create"
  | "read"
  | "write"
  | "datasync"
  | "rename"
  | "remove"
  | "sync-directory";

export interface MemoryDiskOptions {
  /** Bytes of all files together, beyond which there is no room. Default: no limit. */
  readonly capacityBytes?: number;
  /** With a clock, each datasync takes this long. Default 0: it ends in a microtask. */
  readonly sync?: { readonly clock: Clock; readonly durationMs: number };
}

export interface MemoryDisk extends Disk {
  /** Operations that change something, counted from 0: the numbers that `cutAt` takes. */
  readonly operations: number;
  /**
   * The power fails in operation `operation`: of a write the first `keptBytes` bytes are still taken
   * in, any other one does not happen. Neither it nor anything after it ever answers.
   */
  cutAt(operation: number, keptBytes: number): void;
  /** Resolves when the cut has happened. */
  readonly cut: Promise<void>;
  /** The next operations of this kind fail, `count` of them; -1 for all until `heal`. */
  refuse(operation: DiskOperation, reason: DiskFaultReason, count: number): void;
  heal(): void;
  /** No sync ends before the function that is returned has been called. */
  hangSyncs(): () => void;
  /** Sets how many bytes fit on it from now on. */
  resize(capacityBytes: number): void;
  /** Flips one bit of a file, on the medium and in what reads show. */
  flipBit(name: string, byte: number, bit: number): void;
  /** The names there are and the size of each. */
  files(): ReadonlyMap<string, number>;
  /** The disk as the next process finds it after a power cut. This one answers no more. */
  crash(fate: CrashFate): MemoryDisk;
  /** The disk as the next process finds it after this one was killed: the kernel lived on. */
  kill(): MemoryDisk;
}

export type { CrashFate } from "./memory-inode.ts";

export function createMemoryDisk(options: MemoryDiskOptions = {}): MemoryDisk {
  return new TwinDisk(options, new MemoryDirectory());
}

/** A fate that draws from `prng` what each sector and each name comes to. */
export function randomFate(prng: Prng): CrashFate {
  return { kind: "random", prng };
}

class TwinDisk implements MemoryDisk {
  readonly cut: Promise<void>;
  #operations = 0;
  readonly #options: MemoryDiskOptions;
  readonly #directory: MemoryDirectory;
  readonly #refusals = new Map<DiskOperation, { reason: DiskFaultReason; left: number }>();
  #capacityBytes: number;
  #hang: Promise<void> = Promise.resolve();
  #cutAt: { readonly operation: number; readonly keptBytes: number } | undefined;
  #isDead = false;
  #isLocked = false;
  #tellCut: () => void = () => {};

  constructor(options: MemoryDiskOptions, directory: MemoryDirectory) {
    this.#options = options;
    this.#capacityBytes = options.capacityBytes ?? Number.POSITIVE_INFINITY;
    this.#directory = directory;
    this.cut = new Promise((resolve) => {
      this.#tellCut = resolve;
    });
  }

  get operations(): number {
    return this.#operations;
  }

  cutAt(operation: number, keptBytes: number): void {
    this.#cutAt = { operation, keptBytes };
  }

  refuse(operation: DiskOperation, reason: DiskFaultReason, count: number): void {
    this.#refusals.set(operation, { reason, left: count });
  }

  heal(): void {
    this.#refusals.clear();
  }

  hangSyncs(): () => void {
    let release: () => void = () => {};
    this.#hang = new Promise((resolve) => {
      release = resolve;
    });
    return () => release();
  }

  resize(capacityBytes: number): void {
    this.#capacityBytes = capacityBytes;
  }

  flipBit(name: string, byte: number, bit: number): void {
    const inode = this.#directory.get(name);
    assert(inode !== undefined, "rot needs a file");
    inode.flipBit(byte, bit);
  }

  files(): ReadonlyMap<string, number> {
    return new Map([...this.#directory.entries()].map(([name, inode]) => [name, inode.size]));
  }

  crash(fate: CrashFate): MemoryDisk {
    this.#isDead = true;
    return new TwinDisk(this.#optionsNow(), this.#directory.afterCrash(fate));
  }

  kill(): MemoryDisk {
    this.#isDead = true;
    return new TwinDisk(this.#optionsNow(), this.#directory);
  }

  #optionsNow(): MemoryDiskOptions {
    return { ...this.#options, capacityBytes: this.#capacityBytes };
  }

  async lock(): Promise<DiskResult<void>> {
    if (this.#isLocked) return faultOf("locked", "the directory is taken");
    this.#isLocked = true;
    return OK;
  }

  async unlock(): Promise<void> {
    this.#isLocked = false;
  }

  async list(): Promise<DiskResult<readonly string[]>> {
    await this.#alive();
    return { kind: "ok", value: [...this.#directory.entries()].map(([name]) => name) };
  }

  async open(name: string): Promise<DiskResult<DiskFile>> {
    await this.#alive();
    const inode = this.#directory.get(name);
    if (inode === undefined) return faultOf("missing", `open ${name}`);
    return { kind: "ok", value: this.#fileOf(name, inode) };
  }

  async create(name: string, sizeBytes: number): Promise<DiskResult<DiskFile>> {
    const refused = await this.#begin("create");
    if (refused !== undefined) return refused;
    if (this.#directory.get(name) !== undefined) return faultOf("exists", `create ${name}`);
    if (sizeBytes > this.#roomBytes()) return faultOf("no-space", `create ${name}`);
    const inode = new MemoryInode();
    inode.write(0, new Uint8Array(sizeBytes));
    this.#directory.create(name, inode);
    return { kind: "ok", value: this.#fileOf(name, inode) };
  }

  async rename(from: string, to: string): Promise<DiskResult<void>> {
    const refused = await this.#begin("rename");
    if (refused !== undefined) return refused;
    if (this.#directory.get(from) === undefined) return faultOf("missing", `rename ${from}`);
    this.#directory.rename(from, to);
    return OK;
  }

  async remove(name: string): Promise<DiskResult<void>> {
    const refused = await this.#begin("remove");
    if (refused !== undefined) return refused;
    if (this.#directory.get(name) === undefined) return faultOf("missing", `remove ${name}`);
    this.#directory.remove(name);
    return OK;
  }

  async syncDirectory(): Promise<DiskResult<void>> {
    const refused = await this.#begin("sync-directory");
    if (refused !== undefined) return refused;
    this.#directory.sync();
    return OK;
  }

  #fileOf(name: string, inode: MemoryInode): DiskFile {
    return {
      name,
      size: async () => {
        await this.#alive();
        return { kind: "ok", value: inode.size };
      },
      read: async (offset, length) => {
        const refused = await this.#begin("read");
        return refused ?? { kind: "ok", value: inode.read(offset, length) };
      },
      write: (offset, bytes) => this.#write(name, inode, offset, bytes),
      datasync: () => this.#datasync(inode),
      // In its two steps, so that faults and power cuts come between them too.
      writeDurably: async (offset, bytes) => {
        const written = await this.#write(name, inode, offset, bytes);
        return written.kind === "ok" ? this.#datasync(inode) : written;
      },
      close: async () => {},
    };
  }

  async #write(
    name: string,
    inode: MemoryInode,
    offset: number,
    bytes: Uint8Array,
  ): Promise<DiskResult<void>> {
    const refused = await this.#begin("write", (kept) => inode.write(offset, bytes.slice(0, kept)));
    if (refused !== undefined) return refused;
    const grown = Math.max(0, offset + bytes.length - inode.size);
    if (grown > 0 && grown > this.#roomBytes()) return faultOf("no-space", `write ${name}`);
    inode.write(offset, bytes.slice());
    return OK;
  }

  async #datasync(inode: MemoryInode): Promise<DiskResult<void>> {
    const { sync } = this.#options;
    const endSync = inode.beginSync();
    if (sync !== undefined) {
      await new Promise<void>((resolve) => {
        sync.clock.setTimer(sync.durationMs, resolve);
      });
    }
    await this.#hang;
    const refused = await this.#begin("datasync");
    // Neither written nor dirty any more: what a kernel does with pages that it could not write.
    if (refused !== undefined) inode.dropDirty();
    else endSync();
    return refused ?? OK;
  }

  /** Counts the operation and lets the faults that were ordered have their way with it. */
  async #begin(
    operation: DiskOperation,
    tear: (keptBytes: number) => void = () => {},
  ): Promise<DiskFault | undefined> {
    await this.#alive();
    if (operation !== "read") {
      const number = this.#operations++;
      if (number === this.#cutAt?.operation) {
        tear(this.#cutAt.keptBytes);
        this.#isDead = true;
        this.#tellCut();
        await this.#alive();
      }
    }
    const refusal = this.#refusals.get(operation);
    if (refusal === undefined || refusal.left === 0) return undefined;
    refusal.left -= 1;
    return faultOf(refusal.reason, `${operation} was told to fail`);
  }

  /** A dead machine does not answer with an error: it does not answer. */
  async #alive(): Promise<void> {
    if (this.#isDead) await new Promise<never>(() => {});
  }

  #roomBytes(): number {
    let used = 0;
    for (const [, inode] of this.#directory.entries()) used += inode.size;
    return this.#capacityBytes - used;
  }
}

const OK: DiskResult<void> = { kind: "ok", value: undefined };

function faultOf(reason: DiskFaultReason, detail: string): DiskFault {
  return { kind: "fault", reason, detail };
}
