// SPDX-License-Identifier: Apache-2.0
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { firstIdentity, type NodeIdentity } from "./identity.ts";
import {
  type DirectoryFault,
  decodeIdentity,
  encodeIdentity,
  type IdentityFile,
  openIdentity,
  putLogAside,
} from "./identity-file.ts";

const members = [
  { node: 1, address: "a:1" },
  { node: 2, address: "b:2" },
];
const flags = { node: 1, members, partitionCount: 4, token: "secret" };
const identity: NodeIdentity = {
  ...firstIdentity(flags, { nonce: "0011" }),
  state: "formed",
  recorded: { 2: "2233" },
  known: [{ node: 2, address: "b:2", incarnation: 9 }],
};

let directory: string;
const opened: IdentityFile[] = [];

beforeEach(async () => {
  directory = join(await mkdtemp(join(tmpdir(), "conclave-identity-")), "data");
});

afterEach(async () => {
  await Promise.all(opened.splice(0).map((file) => file.close()));
  await rm(join(directory, ".."), { recursive: true });
});

async function open(): Promise<IdentityFile> {
  const file = await openIdentity(directory);
  if (file.kind === "fault") throw new Error(file.detail);
  opened.push(file);
  return file;
}

test("a directory that was never used has none, and keeps the one that is saved", async () => {
  const first = await open();
  expect(first.found).toEqual({ kind: "none" });
  expect(await first.save({ ...identity, state: "unformed" })).toBeUndefined();
  expect(await first.save(identity)).toBeUndefined();
  await first.close();
  expect((await open()).found).toEqual({ kind: "found", identity });
});

test("saves that overlap leave the one that was asked for last", async () => {
  const file = await open();
  const nonces = Array.from({ length: 20 }, (_, i) => String(i));
  await Promise.all(nonces.map((nonce) => file.save({ ...identity, nonce })));
  await file.close();
  expect((await open()).found).toMatchObject({ identity: { nonce: "19" } });
  expect(await readdir(directory)).not.toContain("identity.json.new");
});

test("one process has the directory at a time", async () => {
  const first = await open();
  const fault = (await openIdentity(directory)) as DirectoryFault;
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
  expect(await openIdentity(directory)).toMatchObject({ kind: "fault", reason: "not-writable" });
});

test("the secret of the cluster is not in the file", async () => {
  const file = await open();
  await file.save(identity);
  expect(await readFile(join(directory, "identity.json"), "utf8")).not.toContain("secret");
});

test("a log that is put aside is kept, beside those before it", async () => {
  expect(await open()).toBeDefined();
  for (const content of ["first", "second"]) {
    await mkdir(join(directory, "log"));
    await writeFile(join(directory, "log", "mark"), content);
    expect(await putLogAside(directory)).toBeUndefined();
  }
  expect(await putLogAside(directory)).toBeUndefined();
  const kept = await Promise.all(
    [1, 2].map((n) => readFile(join(directory, `log-damaged-${n}`, "mark"), "utf8")),
  );
  expect(kept).toEqual(["first", "second"]);
});

test("any byte that changes is noticed", () => {
  const text = encodeIdentity(identity);
  expect(decodeIdentity(text)).toEqual({ kind: "found", identity });
  for (let at = 0; at < text.trimEnd().length; at++) {
    const changed = text.slice(0, at) + (text[at] === "1" ? "2" : "1") + text.slice(at + 1);
    const { kind } = decodeIdentity(changed);
    // White space between the fields says nothing.
    if (text[at]!.trim() !== "") expect([at, kind]).not.toEqual([at, "found"]);
  }
});

test("a file that is cut short anywhere is damage", () => {
  const text = encodeIdentity(identity).trimEnd();
  for (let length = 0; length < text.length; length++) {
    expect(decodeIdentity(text.slice(0, length)).kind).toBe("damaged");
  }
});

test.each([
  [
    "a note from before there were clusters",
    `{"node":1,"partitionCount":8,"clusterId":"aa"}`,
    "older",
  ],
  ["a file of a later version", `{"format":3,"what":"ever"}`, "newer"],
  ["a list", "[]", "damaged"],
  ["null", "null", "damaged"],
])("%s is named as such", (_name, text, kind) => {
  expect(decodeIdentity(text).kind).toBe(kind);
});
