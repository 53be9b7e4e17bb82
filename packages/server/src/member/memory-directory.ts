// SPDX-License-Identifier: Apache-2.0
/**
 * The honest in-memory twin of a data directory: two memory disks, which may do whatever real ones do,
 * and which live longer than the process that uses them.
 */

import type { DiskResult } from "@conclave/raft";
import {
  type CrashFate,
  createMemoryDisk,
  type MemoryDisk,
  type MemoryDiskOptions,
} from "@conclave/raft/memory";
import type { DataDirectory } from "./data-directory.ts";

export interface MemoryDirectory extends DataDirectory {
  readonly root: MemoryDisk;
  log(): MemoryDisk;
  /** The logs that were put aside, the first one first. */
  readonly aside: readonly MemoryDisk[];
  /** The directory as the next process finds it after this one was killed: the kernel lived on. */
  kill(): MemoryDirectory;
  /** As the next process finds it after a power cut. This one answers no more. */
  crash(fate: CrashFate): MemoryDirectory;
}

/** A directory that was never used. @param options of each of its disks. */
export function createMemoryDirectory(options: MemoryDiskOptions = {}): MemoryDirectory {
  return new TwinDirectory(options, createMemoryDisk(options), createMemoryDisk(options), []);
}

class TwinDirectory implements MemoryDirectory {
  readonly root: MemoryDisk;
  readonly aside: MemoryDisk[];
  readonly #options: MemoryDiskOptions;
  #log: MemoryDisk;
  #isDead = false;

  constructor(
    options: MemoryDiskOptions,
    root: MemoryDisk,
    log: MemoryDisk,
    aside: readonly MemoryDisk[],
  ) {
    this.#options = options;
    this.root = root;
    this.#log = log;
    this.aside = [...aside];
  }

  log(): MemoryDisk {
    return this.#log;
  }

  /** In one step, since on a real disk it is one rename and a sync of the directory. */
  async putLogAside(): Promise<DiskResult<void>> {
    // As a dead disk: it does not answer.
    if (this.#isDead) await new Promise<never>(() => {});
    if (this.#log.files().size > 0) {
      this.aside.push(this.#log);
      this.#log = createMemoryDisk(this.#options);
    }
    return { kind: "ok", value: undefined };
  }

  kill(): MemoryDirectory {
    this.#isDead = true;
    return this.#after((disk) => disk.kill());
  }

  crash(fate: CrashFate): MemoryDirectory {
    this.#isDead = true;
    return this.#after((disk) => disk.crash(fate));
  }

  #after(next: (disk: MemoryDisk) => MemoryDisk): MemoryDirectory {
    return new TwinDirectory(this.#options, next(this.root), next(this.#log), this.aside);
  }
}
