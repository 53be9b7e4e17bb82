// SPDX-License-Identifier: Apache-2.0
/**
 * A snapshot that a leader sent takes the place of a log that disagreed with it: what was replaced
 * never comes back, wherever the power fails (S3, S8).
 */

import { createPrng } from "@conclave/base";
import { expect, test } from "vitest";
import { createMemoryDisk, type MemoryDisk, randomFate } from "../memory/index.ts";
import { CONFIGURATION } from "../spec/save-snapshot.ts";
import type { LogRecord } from "./log-record.ts";
import { type LogStore, openStore } from "./log-store.ts";

/** The last entry of the leader's snapshot; the log here has another one at its index. */
const BASE = { index: 3, raftTerm: 5 };

test("after a reset the log begins behind the snapshot, and goes on there after a restart", async () => {
  const disk = createMemoryDisk();
  const store = await withOldLog(disk, 4);
  await install(store);
  await store.append([{ kind: "reset", group: 1, base: BASE }]);
  expect(store.log(1).lastIndex).toBe(3);
  await store.append([entry(4, 5, "new")]);

  const again = await opened(disk.crash({ kind: "lose-all" }));

  expect(again.log(1).base).toEqual(BASE);
  expect(again.log(1).lastIndex).toBe(4);
  expect(await textAt(again, 4)).toBe("new");
  expect(again.takeSnapshot(1)).toMatchObject({ ...BASE, configuration: CONFIGURATION });
});

test("entries of the replaced log are void even if the power failed before the reset was written", async () => {
  // Of an earlier raftTerm than the snapshot's last entry, and of a later one.
  for (const raftTerm of [4, 6]) {
    const disk = createMemoryDisk();
    await install(await withOldLog(disk, raftTerm));

    const second = disk.crash({ kind: "lose-all" });
    const store = await opened(second);
    expect(store.log(1).lastIndex).toBe(3);
    await store.append([entry(4, 6, "new")]);
    const third = await opened(second.crash({ kind: "lose-all" }));

    expect(third.log(1).lastIndex).toBe(4);
    expect(await textAt(third, 4)).toBe("new");
  }
});

test("a cut at any operation of an installation leaves the old log or the snapshot, and nothing between", async () => {
  const total = await operationsOf(() => Promise.resolve());
  const end = await operationsOf(installation);
  expect(end).toBeGreaterThan(total + 4);
  for (let operation = total; operation < end; operation++) {
    for (let seed = 0n; seed < 12n; seed++) {
      const disk = createMemoryDisk();
      const store = await withOldLog(disk, 4);
      disk.cutAt(operation, 70);
      await Promise.race([installation(store), disk.cut]);
      const prng = createPrng(seed).child(`${operation}`);

      const again = await opened(disk.crash(randomFate(prng)));

      const where = `cut at ${operation}, seed ${seed}`;
      const { base, lastIndex } = again.log(1);
      if (base.index === 0) {
        expect(lastIndex, where).toBe(6);
        expect(await textAt(again, 4), where).toBe("old 4");
      } else {
        expect(base, where).toEqual(BASE);
        expect(lastIndex, where).toBeLessThanOrEqual(4);
        if (lastIndex === 4) expect(await textAt(again, 4), where).toBe("new");
      }
    }
  }
});

test("a reset whose snapshot is gone is rot: the log before it cannot be trusted instead", async () => {
  const disk = createMemoryDisk();
  const store = await withOldLog(disk, 4);
  await install(store);
  await store.append([{ kind: "reset", group: 1, base: BASE }]);
  await store.close();
  await disk.remove("snapshot-1-3");

  const outcome = await openStore(optionsOf(disk));

  expect(outcome).toMatchObject({ kind: "rotten", rot: [{ groups: [1] }] });
});

test("parts of a snapshot larger than a chunk are read back wherever they lie", async () => {
  const store = await opened(createMemoryDisk());
  const state = new Uint8Array(600_000).map((_, i) => i % 251);
  await store.append([entry(1, 1, "a")]);
  const head = { index: 1, raftTerm: 1, configuration: CONFIGURATION };
  const begun = await store.beginSnapshot(1, head);
  if (begun.kind !== "ok") throw new Error(begun.detail);
  for (let at = 0; at < state.length; ) {
    const piece = state.subarray(at, at + Math.min(70_000, begun.value.roomBytes));
    await begun.value.append(piece);
    at += piece.length;
  }
  await store.keepSnapshot(1, begun.value);

  for (const offset of [0, 1, 262_143, 262_144, 400_000, 599_999]) {
    const part = await store.readSnapshotPart(1, 1, offset, 1_000);
    if (part.kind !== "read") throw new Error(part.kind);
    expect(part.bytes.length).toBeGreaterThan(0);
    expect(part.bytes).toEqual(state.subarray(offset, offset + part.bytes.length));
  }
  expect(await store.readSnapshotPart(1, 2, 0, 10)).toEqual({ kind: "gone" });
});

test("a snapshot that is overtaken by a newer one while it is written changes nothing", async () => {
  const store = await opened(createMemoryDisk());
  for (const index of [1, 2]) await store.append([entry(index, 1, "a")]);
  const older = await store.beginSnapshot(1, head(1));
  const newer = await store.beginSnapshot(1, head(2));
  if (older.kind !== "ok" || newer.kind !== "ok") throw new Error("no room");

  await Promise.all([store.keepSnapshot(1, older.value), store.keepSnapshot(1, newer.value)]);

  expect(store.newestSnapshot(1)?.head.index).toBe(2);
  expect(await store.readSnapshot(1)).toMatchObject({ kind: "read", snapshot: { index: 2 } });
});

function head(index: number): Parameters<LogStore["beginSnapshot"]>[1] {
  return { index, raftTerm: 1, configuration: CONFIGURATION };
}

/** Six entries of which the third is not the leader's. */
async function withOldLog(disk: MemoryDisk, raftTerm: number): Promise<LogStore> {
  const store = await opened(disk);
  for (let index = 1; index <= 6; index++) {
    await store.append([entry(index, index < 3 ? 2 : raftTerm, `old ${index}`)]);
    if (index < 5) store.writeMark();
  }
  return store;
}

async function install(store: LogStore): Promise<void> {
  const begun = await store.beginSnapshot(1, { ...BASE, configuration: CONFIGURATION });
  if (begun.kind !== "ok") throw new Error(begun.detail);
  await begun.value.append(new TextEncoder().encode("the leader's state"));
  await store.keepSnapshot(1, begun.value);
}

async function installation(store: LogStore): Promise<void> {
  await install(store);
  await store.append([{ kind: "reset", group: 1, base: BASE }]);
  store.writeMark();
  await store.append([entry(4, 5, "new")]);
}

async function operationsOf(work: (store: LogStore) => Promise<void>): Promise<number> {
  const disk = createMemoryDisk();
  await work(await withOldLog(disk, 4));
  return disk.operations;
}

async function textAt(store: LogStore, index: number): Promise<string> {
  const loaded = await store.load(1, index, index);
  if (loaded.kind !== "loaded") throw new Error(loaded.kind);
  return new TextDecoder().decode(loaded.entries[0]!.bytes);
}

async function opened(disk: MemoryDisk): Promise<LogStore> {
  const outcome = await openStore(optionsOf(disk));
  if (outcome.kind !== "opened") throw new Error(JSON.stringify(outcome));
  return outcome.store;
}

function optionsOf(disk: MemoryDisk): Parameters<typeof openStore>[0] {
  const clusterId = new Uint8Array(32).fill(7);
  return { disk, clusterId, segmentBytes: 4096, recoveryCacheBytesMax: 1_000 };
}

function entry(index: number, raftTerm: number, text: string): LogRecord {
  const bytes = new TextEncoder().encode(text);
  return { kind: "entry", group: 1, entry: { index, raftTerm, type: "proposal", bytes } };
}
