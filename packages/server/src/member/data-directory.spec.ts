// SPDX-License-Identifier: Apache-2.0
// Who a data directory is, through every fault that its disk may have.
import { createPrng } from "@conclave/base";
import { type CrashFate, randomFate } from "@conclave/raft/memory";
import { expect, test } from "vitest";
import { type OpenDirectory, openDirectory } from "./data-directory.ts";
import { firstIdentity, type NodeIdentity } from "./identity.ts";
import { createMemoryDirectory, type MemoryDirectory } from "./memory-directory.ts";

const flags = { node: 1, members: undefined, partitionCount: 4, token: undefined };
const identity: NodeIdentity = firstIdentity(flags, { nonce: "0011" });
const later: NodeIdentity = { ...identity, nonce: "2233", knownAsOf: 7 };

async function open(directory: MemoryDirectory): Promise<OpenDirectory> {
  const opened = await openDirectory(directory);
  if (opened.kind === "fault") throw new Error(opened.detail);
  return opened;
}

/** A directory in which the identity has been saved once. */
async function used(): Promise<MemoryDirectory> {
  const directory = createMemoryDirectory();
  const opened = await open(directory);
  await opened.save(identity);
  await opened.close();
  return directory;
}

async function makeLog(directory: MemoryDirectory): Promise<void> {
  await directory.log().create("mark", 8);
}

test("a directory that was never used has none, and keeps the one that was saved last", async () => {
  const directory = createMemoryDirectory();
  const first = await open(directory);
  expect(first.found).toEqual({ kind: "none" });
  expect(await first.save(identity)).toBeUndefined();
  expect(await first.save(later)).toBeUndefined();
  await first.close();
  expect((await open(directory)).found).toEqual({ kind: "found", identity: later });
});

test("saves that overlap leave the one that was asked for last, and nothing half made", async () => {
  const directory = createMemoryDirectory();
  const opened = await open(directory);
  const nonces = Array.from({ length: 20 }, (_, i) => String(i));
  await Promise.all(nonces.map((nonce) => opened.save({ ...identity, nonce })));
  await opened.close();
  expect((await open(directory)).found).toMatchObject({ identity: { nonce: "19" } });
  expect([...directory.root.files().keys()]).toEqual(["identity.json"]);
});

test("one process has the directory at a time", async () => {
  const directory = createMemoryDirectory();
  const first = await open(directory);
  expect(await openDirectory(directory)).toEqual({ kind: "fault", reason: "locked", detail: "" });
  await first.close();
  await open(directory);
});

test("a log without an identity is damage", async () => {
  const directory = createMemoryDirectory();
  await makeLog(directory);
  expect((await open(directory)).found).toMatchObject({ kind: "damaged" });
});

test("what a save said is durable survives any power cut, and one under way leaves one of the two", async () => {
  const fates: readonly CrashFate[] = [
    { kind: "lose-all" },
    { kind: "keep-all" },
    ...Array.from({ length: 10 }, (_, i) => randomFate(createPrng(BigInt(i)))),
  ];
  const found = new Set<string>();
  for (const fate of fates) {
    for (let operation = 0; ; operation++) {
      const directory = await used();
      const opened = await open(directory);
      directory.root.cutAt(directory.root.operations + operation, 40);
      const saved = opened.save(later).then(() => "saved");
      const outcome = await Promise.race([saved, directory.root.cut.then(() => "cut")]);
      const after = await open(directory.crash(fate));
      const nonce = after.found.kind === "found" ? after.found.identity.nonce : after.found.kind;
      if (outcome === "saved") {
        expect(nonce).toBe(later.nonce);
        break;
      }
      found.add(nonce);
      // A save that was cut leaves nothing in the way of the next.
      expect(await after.save(later)).toBeUndefined();
    }
  }
  expect([...found].sort()).toEqual([identity.nonce, later.nonce]);
});

test.each(["create", "write", "datasync", "rename", "sync-directory"] as const)(
  "a %s that the disk refuses is a fault, and the identity before it stays or is replaced whole",
  async (operation) => {
    const directory = await used();
    const opened = await open(directory);
    directory.root.refuse(operation, "no-space", 1);
    expect(await opened.save(later)).toMatchObject({ kind: "fault", reason: "no-space" });
    expect(await opened.save({ ...later, nonce: "44" })).toBeUndefined();
    await opened.close();
    expect((await open(directory)).found).toMatchObject({ identity: { nonce: "44" } });
  },
);

test("a flipped bit of the file is damage", async () => {
  const directory = await used();
  directory.root.flipBit("identity.json", 30, 0);
  expect((await open(directory)).found.kind).toBe("damaged");
});

test("a directory that cannot be read is given back", async () => {
  const directory = await used();
  directory.root.refuse("read", "io", 1);
  expect(await openDirectory(directory)).toMatchObject({ kind: "fault", reason: "not-writable" });
  expect((await open(directory)).found.kind).toBe("found");
});

test("a log that is put aside is kept, and the next one is empty", async () => {
  const directory = await used();
  const opened = await open(directory);
  await makeLog(directory);
  expect(await opened.putLogAside()).toBeUndefined();
  expect(opened.log()).toBe(directory.log());
  expect(directory.log().files().size).toBe(0);
  expect(await opened.putLogAside()).toBeUndefined();
  expect(directory.kill().aside.map((log) => [...log.files().keys()])).toEqual([["mark"]]);
});
