// SPDX-License-Identifier: Apache-2.0
/**
 * Keeps the identity of a data directory, and everybody else out of it.
 *
 * The file is written whole, checksummed and durable before anything that depends on it: above all
 * before the log is made, since a log without an identity is taken for one whose votes are lost.
 */

import { createHash } from "node:crypto";
import { type FileHandle, open, readdir, readFile, rename } from "node:fs/promises";
import { join } from "node:path";
import type { FormationState } from "../wire/introduction.ts";
import type { ListedMember } from "./cluster-id.ts";
import { type DirectoryLock, lockDirectory } from "./directory-lock.ts";
import { makeDirectory } from "./file-disk.ts";
import type { NodeIdentity } from "./identity.ts";

export type FoundIdentity =
  | { readonly kind: "found"; readonly identity: NodeIdentity }
  /** A directory that was never used. */
  | { readonly kind: "none" }
  /** It cannot be read back, or is gone while there is a log: nobody knows what was voted here. */
  | { readonly kind: "damaged"; readonly detail: string }
  /** Written by another version. */
  | { readonly kind: "older" | "newer"; readonly detail: string };

export interface DirectoryFault {
  readonly kind: "fault";
  readonly reason: "locked" | "not-writable" | "no-space";
  readonly detail: string;
}

export interface IdentityFile {
  readonly kind: "open";
  /** As the directory was when it was opened. */
  readonly found: FoundIdentity;
  /** Puts an identity in place of the one before; resolves when it is durable. */
  save(identity: NodeIdentity): Promise<DirectoryFault | undefined>;
  /** Lets others have the directory. */
  close(): Promise<void>;
}

/** Of the file; the log's files have numbers of their own. 1 was a note that no release has left. */
const FORMAT = 2;
const FILE = "identity.json";
const LOG_FOLDER = "log";

/** Where the log of a data directory lies: a `Disk` is a directory of its own. */
export function logDirectoryOf(directory: string): string {
  return join(directory, LOG_FOLDER);
}

/** Puts the log of an earlier incarnation aside, durably, under a name that says what it is. */
export async function putLogAside(directory: string): Promise<DirectoryFault | undefined> {
  try {
    const names = await readdir(directory);
    if (!names.includes(LOG_FOLDER)) return undefined;
    let number = 1;
    while (names.includes(`${LOG_FOLDER}-damaged-${number}`)) number++;
    await rename(logDirectoryOf(directory), join(directory, `${LOG_FOLDER}-damaged-${number}`));
    const folder = await open(directory, "r");
    try {
      await folder.sync();
    } finally {
      await folder.close();
    }
    return undefined;
  } catch (error) {
    return faultOf(error);
  }
}

/** Makes the directory if need be, takes it for this process, and reads who it is. */
export async function openIdentity(directory: string): Promise<IdentityFile | DirectoryFault> {
  let handle: FileHandle | undefined;
  let lock: DirectoryLock | undefined;
  const close = async (): Promise<void> => {
    await lock?.release();
    await handle?.close();
  };
  try {
    await makeDirectory(directory);
    const folder = await open(directory, "r");
    handle = folder;
    lock = await lockDirectory(directory, folder);
    if (lock === undefined) {
      await close();
      return { kind: "fault", reason: "locked", detail: "" };
    }
    const found = await find(directory);
    let last: Promise<unknown> = Promise.resolve();
    const save = (identity: NodeIdentity): Promise<DirectoryFault | undefined> => {
      // One after the other, so that the last one asked for is the one that stays.
      const saved = last.then(() => write(directory, folder, identity)).catch(faultOf);
      last = saved;
      return saved;
    };
    return { kind: "open", found, save, close };
  } catch (error) {
    await close();
    return faultOf(error);
  }
}

async function find(directory: string): Promise<FoundIdentity> {
  let text: string;
  try {
    text = await readFile(join(directory, FILE), "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    if (!(await hasLog(directory))) return { kind: "none" };
    return { kind: "damaged", detail: `${FILE} is missing beside a log` };
  }
  return decodeIdentity(text);
}

/** Whether a log was ever made here; the lock's socket is no part of it. */
async function hasLog(directory: string): Promise<boolean> {
  try {
    const names = await readdir(logDirectoryOf(directory));
    return names.some((name) => !name.endsWith(".sock"));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return false;
    throw error;
  }
}

async function write(
  directory: string,
  folder: FileHandle,
  identity: NodeIdentity,
): Promise<undefined> {
  const path = join(directory, FILE);
  const file = await open(`${path}.new`, "w");
  try {
    await file.writeFile(encodeIdentity(identity));
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(`${path}.new`, path);
  await folder.sync();
}

/** The file's text: JSON that a person can read, its last field the checksum of those before. */
export function encodeIdentity(identity: NodeIdentity): string {
  const content = { format: FORMAT, ...identity };
  return `${JSON.stringify({ ...content, checksum: checksumOf(content) }, null, 2)}\n`;
}

/** What the text of the file says; whatever stands in it, a value. */
export function decodeIdentity(text: string): FoundIdentity {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { kind: "damaged", detail: `${FILE} is cut short or no JSON` };
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return { kind: "damaged", detail: `${FILE} holds no identity` };
  }
  const { checksum, ...content } = value as Record<string, unknown>;
  const { format, ...fields } = content;
  if (format === undefined && typeof fields["clusterId"] === "string" && checksum === undefined) {
    return {
      kind: "older",
      detail: "it was written by an older development version; start with an empty directory",
    };
  }
  // A later version may have another checksum.
  if (typeof format === "number" && format > FORMAT) {
    return { kind: "newer", detail: `${FILE} has format ${format}` };
  }
  if (checksum !== checksumOf(content)) {
    return { kind: "damaged", detail: `${FILE} does not match its checksum` };
  }
  if (!isIdentity(fields)) return { kind: "damaged", detail: `${FILE} lacks a field` };
  return { kind: "found", identity: fields };
}

function checksumOf(content: object): string {
  return createHash("sha256").update(JSON.stringify(content)).digest("hex");
}

/** The checksum has vouched for the values; this only vouches for the writer. */
function isIdentity(fields: object): fields is NodeIdentity {
  const numbers = ["node", "incarnation", "partitionCount", "knownAsOf"];
  const texts = ["clusterId", "nonce", "state"];
  const lists = ["members", "known"];
  const values = fields as Record<string, unknown>;
  const states: readonly FormationState[] = ["unformed", "formed", "joining"];
  return (
    numbers.every((name) => Number.isSafeInteger(values[name])) &&
    texts.every((name) => typeof values[name] === "string") &&
    lists.every((name) => Array.isArray(values[name]) && values[name].every(isMember)) &&
    states.some((state) => state === values["state"]) &&
    typeof values["recorded"] === "object" &&
    typeof values["isLogStale"] === "boolean"
  );
}

function isMember(value: unknown): value is ListedMember {
  if (typeof value !== "object" || value === null) return false;
  const { node, address } = value as Record<string, unknown>;
  return Number.isSafeInteger(node) && typeof address === "string";
}

function faultOf(error: unknown): DirectoryFault {
  const { code, message } = error as NodeJS.ErrnoException;
  // Anything that is not the system's answer is a bug and goes on up.
  if (code === undefined) throw error;
  const reason = code === "ENOSPC" || code === "EDQUOT" ? "no-space" : "not-writable";
  return { kind: "fault", reason, detail: message };
}
