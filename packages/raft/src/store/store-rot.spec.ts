// SPDX-License-Identifier: Apache-2.0
/**
 * Bits that flip where nobody writes, and files that vanish: below the mark it is always noticed, and
 * the files are left as found (S4).
 */

import { expect, test } from "vitest";
import { createMemoryDisk, type MemoryDisk } from "../memory/index.ts";
import { saveSnapshot } from "../spec/save-snapshot.ts";
import { crc32c } from "./crc32c.ts";
import type { LogRecord } from "./log-record.ts";
import { type LogStore, openStore } from "./log-store.ts";

const CLUSTER_ID = new Uint8Array(32).fill(7);

test("a bit flipped in any byte of the acknowledged log of an idle store is rot, not a torn tail", async () => {
  const disk = await idleDisk();
  const logs = [...disk.files().keys()].filter((name) => name.startsWith("log-")).sort();
  const ends = await endsOf(disk, logs);
  expect(logs.length).toBe(2);

  for (const [i, name] of logs.entries()) {
    for (let byte = 0; byte < ends[i]!; byte++) {
      disk.flipBit(name, byte, byte % 8);
      const operations = disk.operations;
      const outcome = await openStore(optionsOf(disk));

      if (outcome.kind !== "rotten") throw new Error(`${name} byte ${byte}: ${outcome.kind}`);
      expect(outcome.rot[0]!.file).toMatch(/^log-/);
      expect(outcome.rot[0]!.groups).toBe("all");
      expect(disk.operations).toBe(operations);
      disk.flipBit(name, byte, byte % 8);
    }
  }
});

test("a bit flipped in any byte of a snapshot is rot of its group", async () => {
  const disk = await idleDisk();
  const name = "snapshot-1-2";
  const size = disk.files().get(name)!;

  for (let byte = 0; byte < size; byte++) {
    disk.flipBit(name, byte, (byte * 3) % 8);
    const outcome = await openStore(optionsOf(disk));

    if (outcome.kind !== "rotten") throw new Error(`byte ${byte}: ${outcome.kind}`);
    expect(outcome.rot).toMatchObject([{ file: name, groups: [1] }]);
    disk.flipBit(name, byte, (byte * 3) % 8);
  }
});

test("a bit flipped in one slot of the mark costs nothing, even with rot in the last record", async () => {
  for (const slot of [0, 1, 2, 3]) {
    const disk = await idleDisk();
    disk.flipBit("mark", slot * 4096 + 30, 1);
    const logs = [...disk.files().keys()].filter((name) => name.startsWith("log-")).sort();
    const end = (await endsOf(disk, logs)).at(-1)!;
    disk.flipBit(logs.at(-1)!, end - 1, 4);

    expect(await openStore(optionsOf(disk))).toMatchObject({ kind: "rotten" });
  }
});

test("a mark of which no slot verifies is rot", async () => {
  const disk = await idleDisk();
  for (const slot of [0, 1, 2, 3]) disk.flipBit("mark", slot * 4096 + 30, 1);

  expect(await openStore(optionsOf(disk))).toMatchObject({
    kind: "rotten",
    rot: [{ file: "mark" }],
  });
});

test("rot in the last acknowledged record of a store killed a beat later is rot: the mark has moved", async () => {
  const disk = createMemoryDisk();
  const store = await opened(disk);
  await store.append([entry(1, 1, "a")]);
  await store.append([entry(1, 2, "b")]);
  store.writeMark();
  const { offset, length } = store.log(1).positionOf(2);
  await store.probeSpace();

  const next = disk.kill();
  next.flipBit("log-0000000001", offset + length - 1, 0);

  expect(await openStore(optionsOf(next))).toMatchObject({ kind: "rotten", rot: [{ offset }] });
});

test("what rots between its sync and the next beat, and the kill, is cut off; what is before it is not", async () => {
  const disk = createMemoryDisk();
  const store = await opened(disk);
  await store.append([entry(1, 1, "a")]);
  store.writeMark();
  await store.append([entry(1, 2, "b")]);
  await store.append([entry(1, 3, "c")]);
  const { offset } = store.log(1).positionOf(3);

  const next = disk.kill();
  next.flipBit("log-0000000001", offset, 0);

  expect((await opened(next)).log(1).lastIndex).toBe(2);
});

test("rot in the last record of a store that went idle is rot even after a power cut", async () => {
  const disk = createMemoryDisk();
  const store = await opened(disk);
  await store.append([entry(1, 1, "a")]);
  await store.append([entry(1, 2, "b")]);
  await store.settle();
  const { offset, length } = store.log(1).positionOf(2);

  const next = disk.crash({ kind: "lose-all" });
  next.flipBit("log-0000000001", offset + length - 1, 0);

  expect(await openStore(optionsOf(next))).toMatchObject({ kind: "rotten", rot: [{ offset }] });
});

test("a missing mark or log file is noticed", async () => {
  const names = [...(await idleDisk()).files().keys()].filter((name) => /^(mark|log)/.test(name));
  expect(names.length).toBe(3);
  for (const name of names) {
    const disk = await idleDisk();
    await disk.remove(name);

    expect((await openStore(optionsOf(disk))).kind, name).toBe("rotten");
  }
});

test("a missing snapshot is noticed, unless the log still holds all that it held", async () => {
  const disk = await idleDisk();
  await disk.remove("snapshot-1-2");
  const whole = await openStore(optionsOf(disk));
  if (whole.kind !== "opened") throw new Error(whole.kind);
  expect(whole.store.log(1).lastIndex).toBe(3);
  await saveSnapshot(whole.store, 1, { index: 3, raftTerm: 1 }, []);
  await saveSnapshot(whole.store, 2, { index: 2, raftTerm: 1 }, []);
  await whole.store.append([entry(2, 3, "d".repeat(760))]);
  await saveSnapshot(whole.store, 2, { index: 3, raftTerm: 1 }, []);
  await whole.store.close();

  await disk.remove("snapshot-1-3");

  expect(await openStore(optionsOf(disk))).toMatchObject({ rot: [{ groups: [1] }] });
});

test("a log file cut short below the mark is rot", async () => {
  const disk = await idleDisk();
  const newest = [...disk.files().keys()]
    .filter((name) => name.startsWith("log-"))
    .sort()
    .at(-1)!;
  const content = await contentOf(disk, newest);
  await disk.remove(newest);
  const created = await disk.create(newest, 0);
  if (created.kind === "ok") await created.value.write(0, content.slice(0, 150));

  expect(await openStore(optionsOf(disk))).toMatchObject({ kind: "rotten" });
});

test("garbage behind the mark is a torn tail: cut off, and the log goes on", async () => {
  const disk = await idleDisk();
  const newest = [...disk.files().keys()]
    .filter((name) => name.startsWith("log-"))
    .sort()
    .at(-1)!;
  const end = (await endsOf(disk, [newest]))[0]!;
  disk.flipBit(newest, end + 3, 5);
  disk.flipBit(newest, end + 40, 5);

  const store = await opened(disk);

  expect(store.log(2).lastIndex).toBe(2);
  expect(await store.append([entry(2, 3, "more")])).toEqual({ kind: "synced" });
  await store.close();
  const again = await openStore(optionsOf(disk));
  expect(again.kind === "opened" && again.store.log(2).lastIndex).toBe(3);
});

test("a start removes what the store left over, and no file that an operator put beside", async () => {
  const disk = await idleDisk();
  const theirs = ["log-0000000001.bak", "snapshot-1-2.copy", "spare-parts", "mark.old"];
  const ours = ["log-0000000000", "snapshot-1-1", "snapshot-1-9.tmp", "spare-77"];
  for (const name of [...theirs, ...ours]) await disk.create(name, 1);

  await opened(disk);

  const names = [...disk.files().keys()];
  expect(names).toEqual(expect.arrayContaining(theirs));
  expect(names.filter((name) => ours.includes(name))).toEqual([]);
});

test("a directory of another cluster, and ones of a newer and an older format, are refused by name", async () => {
  const disk = await idleDisk();
  const foreign = await openStore({ ...optionsOf(disk), clusterId: new Uint8Array(32).fill(8) });
  expect(foreign).toMatchObject({ kind: "refused", reason: "foreign" });

  expect(await openedWithMark(await markOf(disk, 1))).toMatchObject({ reason: "newer" });
  expect(await openedWithMark(await markOf(disk, -1))).toMatchObject({
    reason: "foreign",
    detail: "mark was written by an older development version",
  });
});

test("a second store on the same directory is refused while the first is open", async () => {
  const disk = createMemoryDisk();
  const first = await openStore(optionsOf(disk));

  expect(await openStore(optionsOf(disk))).toMatchObject({ kind: "refused", reason: "locked" });

  if (first.kind === "opened") await first.store.close();
  expect((await openStore(optionsOf(disk))).kind).toBe("opened");
});

/** Two log files, a snapshot of group 1 at index 2, a vote, and a settled mark; nobody has it open. */
async function idleDisk(): Promise<MemoryDisk> {
  const disk = createMemoryDisk();
  const store = await opened(disk);
  await store.append([
    { kind: "hard-state", group: 1, hardState: { raftTerm: 1, votedFor: 1 } },
    entry(1, 1, "a"),
    entry(1, 2, "b"),
    entry(2, 1, "c"),
  ]);
  await store.append([entry(2, 2, "d".repeat(760))]);
  await saveSnapshot(store, 1, { index: 2, raftTerm: 1 }, [new Uint8Array(30).fill(65)]);
  await store.append([entry(1, 3, "e")]);
  await store.close();
  return disk;
}

async function opened(disk: MemoryDisk): Promise<LogStore> {
  const outcome = await openStore(optionsOf(disk));
  if (outcome.kind !== "opened") throw new Error(JSON.stringify(outcome));
  return outcome.store;
}

function entry(group: number, index: number, text: string): LogRecord {
  const bytes = new TextEncoder().encode(text);
  return { kind: "entry", group, entry: { index, raftTerm: 1, type: "proposal", bytes } };
}

/** Where the records of each file end: behind the last byte that is not zero. */
async function endsOf(disk: MemoryDisk, names: readonly string[]): Promise<number[]> {
  const ends: number[] = [];
  for (const name of names) {
    const bytes = await contentOf(disk, name);
    ends.push(bytes.findLastIndex((byte) => byte !== 0) + 1);
  }
  return ends;
}

async function contentOf(disk: MemoryDisk, name: string): Promise<Uint8Array> {
  const file = await disk.open(name);
  if (file.kind !== "ok") throw new Error(file.detail);
  const read = await file.value.read(0, disk.files().get(name)!);
  if (read.kind !== "ok") throw new Error(read.detail);
  return read.value;
}

/** The mark of that directory as a version would have written it that is so much later. */
async function markOf(disk: MemoryDisk, later: number): Promise<Uint8Array> {
  const bytes = await contentOf(disk, "mark");
  const view = new DataView(bytes.buffer);
  view.setUint32(20 + 8, view.getUint32(20 + 8, true) + later, true);
  view.setUint32(0, crc32c(bytes, 4, 20 + view.getUint32(4, true)), true);
  return bytes;
}

async function openedWithMark(mark: Uint8Array): Promise<{ readonly kind: string }> {
  const disk = createMemoryDisk();
  const file = await disk.create("mark", 0);
  if (file.kind === "ok") await file.value.write(0, mark);
  return openStore(optionsOf(disk));
}

function optionsOf(disk: MemoryDisk): Parameters<typeof openStore>[0] {
  return { disk, clusterId: CLUSTER_ID, segmentBytes: 1024, recoveryCacheBytesMax: 1_000 };
}
