// SPDX-License-Identifier: Apache-2.0
/** The file disk on a real directory, with real processes that are really killed. */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readdir, readFile, readlink, rm, rmdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { DiskResult } from "@conclave/raft";
import { expect, test } from "vitest";
import { createFileDisk } from "./file-disk.ts";

test("what is written inside a preallocated file is read back, and its size stays", async () => {
  await using place = await temporaryDirectory();
  const disk = createFileDisk(place.path);
  expectOk(await disk.lock());
  const file = expectOk(await disk.create("a", 3_000_000));

  expectOk(await file.write(2_999_000, Uint8Array.of(1, 2, 3)));
  expectOk(await file.datasync());

  expect(expectOk(await file.size())).toBe(3_000_000);
  expect([...expectOk(await file.read(2_998_999, 5))]).toEqual([0, 1, 2, 3, 0]);
  expect(expectOk(await file.read(2_999_999, 10)).length).toBe(1);
  await file.close();
  await disk.unlock();
});

test("what is written durably is seen by every reader, also after the file got another name", async () => {
  await using place = await temporaryDirectory();
  const disk = createFileDisk(place.path);
  expectOk(await disk.lock());
  const before = await openHandles(join(place.path, "b"));
  const file = expectOk(await disk.create("a", 100));

  expectOk(await file.writeDurably(10, Uint8Array.of(1, 2)));
  expectOk(await disk.rename("a", "b"));
  expectOk(await file.writeDurably(12, Uint8Array.of(3)));

  expect([...expectOk(await file.read(9, 5))]).toEqual([0, 1, 2, 3, 0]);
  expect((await readFile(join(place.path, "b"))).length).toBe(100);
  await file.close();
  expect(await openHandles(join(place.path, "b"))).toBe(before);
  await disk.unlock();
});

test("a file that lost its name to another is not written to under it", async () => {
  await using place = await temporaryDirectory();
  const disk = createFileDisk(place.path);
  expectOk(await disk.lock());
  const file = expectOk(await disk.create("a", 1));
  expectOk(await disk.rename("a", "b"));
  await expectOk(await disk.create("a", 1)).close();

  await expect(file.writeDurably(0, Uint8Array.of(1))).rejects.toThrow(/^S9: /);

  expect([...(await readFile(join(place.path, "a")))]).toEqual([0]);
  await disk.unlock();
});

test("a renamed file replaces the one that had the name", async () => {
  await using place = await temporaryDirectory();
  const disk = createFileDisk(place.path);
  expectOk(await disk.lock());
  await expectOk(await disk.create("old", 1)).close();
  await expectOk(await disk.create("new", 2)).close();

  expectOk(await disk.rename("new", "old"));
  expectOk(await disk.syncDirectory());

  expect((await readFile(join(place.path, "old"))).length).toBe(2);
  expect(expectOk(await disk.list()).includes("new")).toBe(false);
  await disk.unlock();
});

test("what the system refuses comes back as a reason of the closed list", async () => {
  await using place = await temporaryDirectory();
  const disk = createFileDisk(place.path);
  expectOk(await disk.lock());
  await expectOk(await disk.create("a", 1)).close();

  expect(await disk.open("b")).toMatchObject({ kind: "fault", reason: "missing" });
  expect(await disk.create("a", 1)).toMatchObject({ kind: "fault", reason: "exists" });
  expect(await disk.remove("b")).toMatchObject({ kind: "fault", reason: "missing" });
  await disk.unlock();
});

test("a full device is no-space", async () => {
  const disk = createFileDisk("/dev");
  const file = expectOk(await disk.open("full"));

  expect(await file.write(0, Uint8Array.of(1))).toMatchObject({ reason: "no-space" });
  expect(await file.writeDurably(0, Uint8Array.of(1))).toMatchObject({ reason: "no-space" });
  await file.close();
});

test("a directory that cannot be made is refused with a reason", async () => {
  const outcome = await createFileDisk("/dev/full/below-a-file").lock();

  expect(outcome).toMatchObject({ kind: "fault", reason: "read-only" });
});

test("a second disk on the directory of a living one is refused, and let in after unlock", async () => {
  await using place = await temporaryDirectory();
  const first = createFileDisk(place.path);
  const second = createFileDisk(place.path);
  expectOk(await first.lock());

  expect(await second.lock()).toMatchObject({ kind: "fault", reason: "locked" });

  await first.unlock();
  expectOk(await second.lock());
  await second.unlock();
});

test("a lock that the system refuses leaves no handle open and gives its name back", async () => {
  await using place = await temporaryDirectory();
  await mkdir(join(place.path, "lock.sock"));
  const before = await openHandles(place.path);

  expect(await createFileDisk(place.path).lock()).toMatchObject({ kind: "fault" });

  expect(await openHandles(place.path)).toBe(before);
  await rmdir(join(place.path, "lock.sock"));
  const disk = createFileDisk(place.path);
  expectOk(await disk.lock());
  await disk.unlock();
  expect(await openHandles(place.path)).toBe(before);
});

test("an unlock closes the files of a disk that was given up half read", async () => {
  await using place = await temporaryDirectory();
  const disk = createFileDisk(place.path);
  expectOk(await disk.lock());
  const left = expectOk(await disk.create("a", 1));

  await disk.unlock();

  expect(await left.size()).toMatchObject({ kind: "fault" });
});

test("a directory with a long path can be locked", async () => {
  await using place = await temporaryDirectory();
  const disk = createFileDisk(join(place.path, "d".repeat(120), "e".repeat(120)));

  expectOk(await disk.lock());

  await disk.unlock();
});

const HELD_BY = {
  "both names": ["abstract", "file"],
  "the abstract name": ["abstract"],
  "the socket file, as from another network namespace,": ["file"],
} as const;

for (const [what, names] of Object.entries(HELD_BY)) {
  test(`a process with ${what} keeps the directory, stopped or not, until kill -9`, async () => {
    await using place = await temporaryDirectory();
    const holder = await spawnHolder(place.path, names);
    const disk = createFileDisk(place.path);
    expect(await disk.lock()).toMatchObject({ kind: "fault", reason: "locked" });

    holder.kill("SIGSTOP");
    expect(await disk.lock()).toMatchObject({ kind: "fault", reason: "locked" });

    holder.kill("SIGKILL");
    await once(holder, "exit");
    expectOk(await disk.lock());
    await disk.unlock();
  });
}

/** A process of its own that holds the names of the lock and says so on its output. */
async function spawnHolder(path: string, names: readonly string[]): Promise<ChildProcess> {
  const script = `
    const net = require("node:net"), fs = require("node:fs");
    const [path, ...names] = process.argv.slice(1);
    const { dev, ino } = fs.statSync(path);
    const address = { abstract: "\\0conclave-" + dev + "-" + ino, file: path + "/lock.sock" };
    let left = names.length;
    for (const name of names) {
      net.createServer().listen(address[name], () => { if (--left === 0) console.log("held"); });
    }`;
  const child = spawn(process.execPath, ["-e", script, path, ...names], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  await once(child.stdout!, "data");
  return child;
}

/** How many of this process's handles are of the directory (Linux). */
async function openHandles(path: string): Promise<number> {
  let count = 0;
  for (const fd of await readdir("/proc/self/fd")) {
    const target = await readlink(`/proc/self/fd/${fd}`).catch(() => "closed meanwhile");
    if (target === path) count += 1;
  }
  return count;
}

async function temporaryDirectory(): Promise<{ readonly path: string } & AsyncDisposable> {
  const path = await mkdtemp(join(tmpdir(), "conclave-disk-"));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

function expectOk<T>(result: DiskResult<T>): T {
  if (result.kind === "fault") throw new Error(`${result.reason}: ${result.detail}`);
  return result.value;
}
