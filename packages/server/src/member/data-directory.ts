// SPDX-License-Identifier: Apache-2.0
/**
 * Keeps the identity of a data directory, and everybody else out of it.
 *
 * The file is written whole, checksummed and durable before anything that depends on it: above all
 * before the log is made, since a log without an identity is taken for one whose votes are lost. It
 * lies on a disk like the log's, so that it may be tried with the same faults.
 */

import type { Disk, DiskFault, DiskFile, DiskResult } from "@conclave/raft";
import type { NodeIdentity } from "./identity.ts";
import {
  decodeIdentity,
  encodeIdentity,
  type FoundIdentity,
  IDENTITY_FILE,
} from "./identity-text.ts";

/** What a platform has where a node keeps what it may not forget. */
export interface DataDirectory {
  /** The directory itself. Its lock keeps all other processes out of everything inside. */
  readonly root: Disk;
  /** The one inside it for the log, as it is now. */
  log(): Disk;
  /** Puts the log of an earlier incarnation, if there is one, aside durably; it is kept. */
  putLogAside(): Promise<DiskResult<void>>;
}

/** A data directory that this process has taken. */
export interface OpenDirectory extends Pick<DataDirectory, "log"> {
  readonly kind: "open";
  /** Who it was when it was opened. */
  readonly found: FoundIdentity;
  /** Puts an identity in place of the one before; resolves when it is durable. */
  save(identity: NodeIdentity): Promise<DirectoryFault | undefined>;
  putLogAside(): Promise<DirectoryFault | undefined>;
  /** Lets others have the directory. */
  close(): Promise<void>;
}

export interface DirectoryFault {
  readonly kind: "fault";
  readonly reason: "locked" | "not-writable" | "no-space";
  readonly detail: string;
}

/** Takes the directory for this process, and reads who it is. */
export async function openDirectory(
  directory: DataDirectory,
): Promise<OpenDirectory | DirectoryFault> {
  const { root } = directory;
  const locked = await root.lock();
  if (locked.kind === "fault") return faultOf(locked);
  const found = await find(directory);
  if (found.kind === "fault") {
    await root.unlock();
    return faultOf(found);
  }
  let last: Promise<unknown> = Promise.resolve();
  return {
    kind: "open",
    found: found.value,
    save(identity) {
      // One after the other, so that the last one asked for is the one that stays.
      const saved = last.then(() => write(root, identity)).then(outcomeOf);
      last = saved;
      return saved;
    },
    log: () => directory.log(),
    putLogAside: async () => outcomeOf(await directory.putLogAside()),
    close: () => root.unlock(),
  };
}

async function find(directory: DataDirectory): Promise<DiskResult<FoundIdentity>> {
  const text = await readText(directory.root);
  if (text.kind === "ok") return { kind: "ok", value: decodeIdentity(text.value) };
  if (text.reason !== "missing") return text;
  const hasLog = await isUsed(directory.log());
  if (hasLog.kind === "fault") return hasLog;
  if (!hasLog.value) return { kind: "ok", value: { kind: "none" } };
  const detail = `${IDENTITY_FILE} is missing beside a log`;
  return { kind: "ok", value: { kind: "damaged", detail } };
}

async function readText(root: Disk): Promise<DiskResult<string>> {
  const opened = await root.open(IDENTITY_FILE);
  if (opened.kind === "fault") return opened;
  const file = opened.value;
  try {
    const size = await file.size();
    if (size.kind === "fault") return size;
    const bytes = await file.read(0, size.value);
    if (bytes.kind === "fault") return bytes;
    return { kind: "ok", value: new TextDecoder().decode(bytes.value) };
  } finally {
    await file.close();
  }
}

/** Whether a log was ever made here; a lock's socket is no part of it. */
async function isUsed(log: Disk): Promise<DiskResult<boolean>> {
  const names = await log.list();
  if (names.kind === "ok") {
    return { kind: "ok", value: names.value.some((name) => !name.endsWith(".sock")) };
  }
  return names.reason === "missing" ? { kind: "ok", value: false } : names;
}

async function write(root: Disk, identity: NodeIdentity): Promise<DiskResult<void>> {
  const bytes = new TextEncoder().encode(encodeIdentity(identity));
  const name = `${IDENTITY_FILE}.new`;
  // Left by a process that ended between the steps, if it is there.
  await root.remove(name);
  const created = await root.create(name, bytes.length);
  if (created.kind === "fault") return created;
  const filled = await fill(created.value, bytes);
  if (filled.kind === "fault") return filled;
  const renamed = await root.rename(name, IDENTITY_FILE);
  return renamed.kind === "fault" ? renamed : root.syncDirectory();
}

async function fill(file: DiskFile, bytes: Uint8Array): Promise<DiskResult<void>> {
  try {
    const written = await file.write(0, bytes);
    return written.kind === "fault" ? written : await file.datasync();
  } finally {
    await file.close();
  }
}

function outcomeOf(result: DiskResult<void>): DirectoryFault | undefined {
  return result.kind === "fault" ? faultOf(result) : undefined;
}

function faultOf({ reason, detail }: DiskFault): DirectoryFault {
  if (reason === "locked") return { kind: "fault", reason, detail: "" };
  return { kind: "fault", reason: reason === "no-space" ? reason : "not-writable", detail };
}
