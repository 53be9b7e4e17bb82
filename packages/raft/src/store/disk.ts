// SPDX-License-Identifier: Apache-2.0
/**
 * What the store asks of a disk: one flat directory of files, and honest answers.
 *
 * This file implements nothing. A fault of the disk is a value; only a bug throws. The store never
 * assumes more than what stands here, so the in-memory twin may do to it whatever a real disk may.
 */

/**
 * - `no-space`: no room (ENOSPC, EDQUOT); may pass.
 * - `read-only`: the directory may not be written (EROFS, EACCES, EPERM).
 * - `missing`, `exists`: the name is not there, or is there already.
 * - `locked`: another process holds the directory.
 * - `io`: everything else (EIO and what nobody foresaw); never retried on the same file.
 */
export type DiskFaultReason = "no-space" | "read-only" | "missing" | "exists" | "locked" | "io";

export interface DiskFault {
  readonly kind: "fault";
  readonly reason: DiskFaultReason;
  /** For people: the operation, the file, the system's own message. */
  readonly detail: string;
}

export type DiskResult<T> = { readonly kind: "ok"; readonly value: T } | DiskFault;

/** An open file. Operations on one file may overlap; each takes effect at some moment of its own. */
export interface DiskFile {
  readonly name: string;
  size(): Promise<DiskResult<number>>;
  /** Fewer bytes than asked for are returned only at the end of the file. */
  read(offset: number, length: number): Promise<DiskResult<Uint8Array>>;
  /** All bytes or a fault; after a fault, and after a crash before a sync, any part may be there. */
  write(offset: number, bytes: Uint8Array): Promise<DiskResult<void>>;
  /**
   * Makes what was written to this file durable, its size included, but not its name. After a fault
   * nothing written since the last good sync may be trusted, even if a later sync says it is well
   * and reads show it: kernels mark the pages of a failed write-back clean.
   */
  datasync(): Promise<DiskResult<void>>;
  /**
   * A `write` and its `datasync` in one operation, for where both would be waited for. A fault is that
   * of a sync, whichever of the two has failed. First called while the file has the name under which
   * it was opened or created.
   */
  writeDurably(offset: number, bytes: Uint8Array): Promise<DiskResult<void>>;
  /** Gives the handle back; syncs nothing. */
  close(): Promise<void>;
}

/** One directory that one process owns. Names are plain file names without a separator. */
export interface Disk {
  /** Takes the directory for this process until `unlock` or the process's end, however it ends. */
  lock(): Promise<DiskResult<void>>;
  unlock(): Promise<void>;
  list(): Promise<DiskResult<readonly string[]>>;
  /** Opens a file that exists, for reading and writing. */
  open(name: string): Promise<DiskResult<DiskFile>>;
  /**
   * Makes a file of that many zero bytes, each of them written, so that a later write inside it
   * needs no more room and a sync no metadata. Synced neither in content nor in name.
   */
  create(name: string, sizeBytes: number): Promise<DiskResult<DiskFile>>;
  /** Puts `from` in the place of `to`, atomically; durable after `syncDirectory`. */
  rename(from: string, to: string): Promise<DiskResult<void>>;
  remove(name: string): Promise<DiskResult<void>>;
  /** Makes creations, renames and removals durable. */
  syncDirectory(): Promise<DiskResult<void>>;
}
