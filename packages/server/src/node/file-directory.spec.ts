// SPDX-License-Identifier: Apache-2.0
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import {
  type DirectoryFault,
  type OpenDirectory,
  openDirectory,
} from "../member/data-directory.ts";
import { firstIdentity, type NodeIdentity } from "../member/identity.ts";
import { createFileDirectory } from "./file-directory.ts";

const flags = { node: 1, members: undefined, partitionCount: 4, token: undefined };
const identity: NodeIdentity = firstIdentity(flags, { nonce: "0011" });

let directory: string;
const opened: OpenDirectory[] = [];

beforeEach(async () => {
  directory = join(await mkdtemp(join(tmpdir(), "conclave-identity-")), "data");
});

afterEach(async () => {
  await Promise.all(opened.splice(0).map((each) => each.close()));
  await rm(join(directory, ".."), { recursive: true });
});

async function open(): Promise<OpenDirectory> {
  const found = await openDirectory(createFileDirectory(directory));
  if (found.kind === "fault") throw new Error(found.detail);
  opened.push(found);
  return found;
}

test("a directory that was never used is made, and keeps the identity that is saved", async () => {
  const first = await open();
  expect(first.found).toEqual({ kind: "none" });
  expect(await first.save({ ...identity, state: "unformed" })).toBeUndefined();
  expect(await first.save(identity)).toBeUndefined();
  await first.close();
  expect((await open()).found).toEqual({ kind: "found", identity });
  expect(await readdir(directory)).not.toContain("identity.json.new");
});

test("one process has the directory at a time", async () => {
  const first = await open();
  const fault = (await openDirectory(createFileDirectory(directory))) as DirectoryFault;
  expect(fault).toMatchObject({ kind: "fault", reason: "locked" });
  await first.close();
  await open();
});

test("a log without an identity is damage, an empty directory is none", async () => {
  await mkdir(join(directory, "log"), { recursive: true });
  const before = await open();
  expect(before.found).toEqual({ kind: "none" });
  await before.close();
  await writeFile(join(directory, "log", "mark"), "");
  expect((await open()).found).toMatchObject({ kind: "damaged" });
});

test("a directory that cannot be made is a fault, not an exception", async () => {
  await writeFile(directory, "a file");
  const fault = await openDirectory(createFileDirectory(directory));
  expect(fault).toMatchObject({ kind: "fault", reason: "not-writable" });
});

test("a log that is put aside is kept, beside those before it", async () => {
  const taken = await open();
  for (const content of ["first", "second"]) {
    await mkdir(join(directory, "log"));
    await writeFile(join(directory, "log", "mark"), content);
    expect(await taken.putLogAside()).toBeUndefined();
  }
  expect(await taken.putLogAside()).toBeUndefined();
  const kept = await Promise.all(
    [1, 2].map((n) => readFile(join(directory, `log-damaged-${n}`, "mark"), "utf8")),
  );
  expect(kept).toEqual(["first", "second"]);
});
