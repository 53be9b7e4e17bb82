// SPDX-License-Identifier: Apache-2.0
/**
 * The Disk of a node: one directory, through node:fs.
 *
 * It maps the system's errors to the closed union and adds no retries, no caching and no rules. Node
 * has no fallocate, so a file is preallocated by writing zeros once, which also spares later syncs
 * the conversion of unwritten extents.
 */

import { constants } from "node:fs";
import { type FileHandle, mkdir, open, readdir, rename, unlink } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { assert } from "@conclave/base";
import type { Disk, DiskFault, DiskFaultReason, DiskFile, DiskResult } from "@conclave/raft";
import { type DirectoryLock, lockDirectory } from "./directory-lock.ts";

/** Where a write with O_DSYNC is as durable as fdatasync; macOS asks the drive only in its own sync. */
const WRITES_SYNC: boolean = process.platform === "linux";
const SYNCING: number = constants.O_RDWR | (WRITES_SYNC ? constants.O_DSYNC : 0);
const ZEROS: Uint8Array = new Uint8Array(1024 * 1024);

const REASONS: Readonly<Record<string, DiskFaultReason>> = {
  ENOSPC: "no-space",
  EDQUOT: "no-space",
  EROFS: "read-only",
  EACCES: "read-only",
  EPERM: "read-only",
  ENOTDIR: "read-only",
  ENOENT: "missing",
  EEXIST: "exists",
};

/** A disk over `directory`, which is made when the lock is taken if it is not there. */
export function createFileDisk(directory: string): Disk {
  return new FileDisk(directory);
}

/**
 * Makes the directory and those above it that are not there, each durably in the one above it: or a
 * power cut after a first start could take the directory away with all that was synced inside.
 */
async function makeDirectory(directory: string): Promise<void> {
  const path = resolve(directory);
  const first = await mkdir(path, { recursive: true });
  if (first === undefined) return;
  for (let made = path; made.length >= first.length; made = dirname(made)) {
    const above = await open(dirname(made), "r");
    try {
      await above.sync();
    } finally {
      await above.close();
    }
  }
}

class FileDisk implements Disk {
  readonly #directory: string;
  readonly #files = new Set<FileHandle>();
  #handle: FileHandle | undefined;
  #lock: DirectoryLock | undefined;

  constructor(directory: string) {
    this.#directory = directory;
  }

  lock(): Promise<DiskResult<void>> {
    return attempt(`lock ${this.#directory}`, async () => {
      await makeDirectory(this.#directory);
      const handle = await open(this.#directory, "r");
      try {
        const lock = await lockDirectory(this.#directory, handle);
        if (lock === undefined) {
          throw new LockedError(`${this.#directory} is in use by another process`);
        }
        this.#lock = lock;
      } catch (error) {
        await handle.close();
        throw error;
      }
      this.#handle = handle;
    });
  }

  /** Closes what is still open, too: who gives up a directory half read has no list of it. */
  async unlock(): Promise<void> {
    await Promise.all([...this.#files].map((file) => file.close()));
    this.#files.clear();
    await this.#lock?.release();
    await this.#handle?.close();
    this.#lock = undefined;
    this.#handle = undefined;
  }

  list(): Promise<DiskResult<readonly string[]>> {
    return attempt(`list ${this.#directory}`, () => readdir(this.#directory));
  }

  open(name: string): Promise<DiskResult<DiskFile>> {
    return attempt(`open ${name}`, async () =>
      this.#fileOf(name, await open(this.#path(name), "r+")),
    );
  }

  create(name: string, sizeBytes: number): Promise<DiskResult<DiskFile>> {
    return attempt(`create ${name}`, async () => {
      const handle = await open(this.#path(name), "wx+");
      try {
        for (let at = 0; at < sizeBytes; at += ZEROS.length) {
          await writeAll(handle, at, ZEROS.subarray(0, Math.min(ZEROS.length, sizeBytes - at)));
        }
      } catch (error) {
        await handle.close();
        throw error;
      }
      return this.#fileOf(name, handle);
    });
  }

  rename(from: string, to: string): Promise<DiskResult<void>> {
    return attempt(`rename ${from}`, () => rename(this.#path(from), this.#path(to)));
  }

  remove(name: string): Promise<DiskResult<void>> {
    return attempt(`remove ${name}`, () => unlink(this.#path(name)));
  }

  syncDirectory(): Promise<DiskResult<void>> {
    return attempt(`sync ${this.#directory}`, async () => {
      assert(this.#handle !== undefined, "S10: the directory is changed by who holds its lock");
      await this.#handle.sync();
    });
  }

  #fileOf(name: string, handle: FileHandle): DiskFile {
    this.#files.add(handle);
    let syncing: Promise<FileHandle> | undefined;
    return {
      name,
      size: () => attempt(`size of ${name}`, async () => (await handle.stat()).size),
      read: (offset, length) => attempt(`read ${name}`, () => readAll(handle, offset, length)),
      write: (offset, bytes) => attempt(`write ${name}`, () => writeAll(handle, offset, bytes)),
      datasync: () => attempt(`sync ${name}`, () => handle.datasync()),
      writeDurably: (offset, bytes) =>
        attempt(`sync ${name}`, async () => {
          syncing ??= this.#openSyncing(name, handle);
          await writeAll(await syncing, offset, bytes);
          if (!WRITES_SYNC) await handle.datasync();
        }),
      close: async () => {
        for (const opened of [handle, syncing]) {
          // Nothing depends on it: what had to be durable was synced, and said so.
          await attempt(`close ${name}`, async () => {
            const each = await opened;
            if (each !== undefined && this.#files.delete(each)) await each.close();
          });
        }
      },
    };
  }

  /**
   * A second handle of the file, each write to which is a sync: one trip to the thread pool and not
   * two, where the trip costs more than the disk. The first one fills a file with zeros without it.
   */
  async #openSyncing(name: string, handle: FileHandle): Promise<FileHandle> {
    const syncing = await open(this.#path(name), SYNCING);
    this.#files.add(syncing);
    const [ours, theirs] = await Promise.all([handle.stat(), syncing.stat()]);
    assert(ours.ino === theirs.ino, "S9: a file is written to under the name it was opened by");
    return syncing;
  }

  #path(name: string): string {
    assert(!name.includes("/"), "S10: a file lies in the directory itself");
    return join(this.#directory, name);
  }
}

async function readAll(handle: FileHandle, offset: number, length: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(length);
  let done = 0;
  while (done < length) {
    const { bytesRead } = await handle.read(bytes, done, length - done, offset + done);
    if (bytesRead === 0) break;
    done += bytesRead;
  }
  return bytes.subarray(0, done);
}

async function writeAll(handle: FileHandle, offset: number, bytes: Uint8Array): Promise<void> {
  let done = 0;
  while (done < bytes.length) {
    const left = bytes.length - done;
    const { bytesWritten } = await handle.write(bytes, done, left, offset + done);
    done += bytesWritten;
  }
}

class LockedError extends Error {}

async function attempt<T>(operation: string, run: () => Promise<T>): Promise<DiskResult<T>> {
  try {
    return { kind: "ok", value: await run() };
  } catch (error) {
    return faultFrom(operation, error);
  }
}

/** A fault for what the system refused; anything that is not its error is a bug and goes on up. */
function faultFrom(operation: string, error: unknown): DiskFault {
  if (error instanceof LockedError) {
    return { kind: "fault", reason: "locked", detail: error.message };
  }
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  if (typeof code !== "string" || !(error instanceof Error)) throw error;
  return { kind: "fault", reason: REASONS[code] ?? "io", detail: `${operation}: ${error.message}` };
}
