// SPDX-License-Identifier: Apache-2.0
/**
 * Entries that a later leader's have replaced: they never come back, wherever the power fails, and
 * they keep no file alive that nobody needs.
 */

import { createPrng } from "@conclave/base";
import { expect, test } from "vitest";
import { createMemoryDisk, type MemoryDisk, randomFate } from "../memory/index.ts";
import { saveSnapshot } from "../spec/save-snapshot.ts";
import type { LogRecord } from "./log-record.ts";
import { type LogStore, openStore } from "./log-store.ts";

const IDLE = 1;
const BUSY = 2;
/** Four of these fit into a segment. */
const LARGE = 800;

test("a group that rests after its entries were replaced keeps no files alive for ever", async () => {
  const disk = createMemoryDisk();
  const store = await opened(disk);
  await replaceOver(store, 3);
  await saveSnapshot(store, IDLE, { index: 2, raftTerm: 2 }, [textOf("two")]);

  for (let index = 1; index <= 40; index++) {
    await store.append([entry(BUSY, index, 2, LARGE)]);
    if (index % 5 !== 0) continue;
    await saveSnapshot(store, BUSY, { index, raftTerm: 2 }, [textOf(`${index}`)]);
  }

  expect(logFiles(disk)).toBeLessThanOrEqual(3);
  expect(store.groupsPinning(3)).toEqual([]);
});

test("groups are named that keep any of the older files alive, and no others", async () => {
  const store = await opened(createMemoryDisk());
  await replaceOver(store, 2);
  for (let index = 1; index <= 8; index++) await store.append([entry(BUSY, index, 2, LARGE)]);

  expect([...store.groupsPinning(1)].sort()).toEqual([IDLE, BUSY]);
  await saveSnapshot(store, IDLE, { index: 2, raftTerm: 2 }, [textOf("two")]);

  expect(store.groupsPinning(1)).toEqual([BUSY]);
});

test("a cut at any operation leaves the replaced entries or the later ones, and a log that opens", async () => {
  const work = async (store: LogStore, told: Told): Promise<void> => {
    await replaceOver(store, 3, told);
    await saveSnapshot(store, IDLE, { index: 2, raftTerm: 2 }, [textOf("two")]);
    told.base = 2;
    for (let index = 1; index <= 8; index++) await store.append([entry(BUSY, index, 2, LARGE)]);
    await saveSnapshot(store, BUSY, { index: 8, raftTerm: 2 }, [textOf("eight")]);
    told.isDone = true;
  };
  const whole = createMemoryDisk();
  await work(await opened(whole), { replaced: 0, base: 0, isDone: false });
  expect(logFiles(whole)).toBe(1);

  for (let operation = 8; operation < whole.operations; operation++) {
    for (let seed = 0n; seed < 3n; seed++) {
      const disk = createMemoryDisk();
      const told: Told = { replaced: 0, base: 0, isDone: false };
      disk.cutAt(operation, Number(seed) * 900);
      const working = opened(disk).then((store) => work(store, told));
      await Promise.race([working, disk.cut]);
      expect(told.isDone).toBe(false);
      const fate = randomFate(createPrng(seed).child(`${operation}`));
      const second = seed === 0n ? disk.kill() : disk.crash(fate);
      await verify(await opened(second), told, `cut at ${operation}, seed ${seed}`);
      // What the start wrote anew is as good as what it found.
      const third = await opened(second.crash(fate));
      await verify(third, told, `again after the cut at ${operation}, seed ${seed}`);
    }
  }
});

test("what is left of replaced entries where a file begins is not taken for the log's end", async () => {
  // Replaced by a later raftTerm's, and by an earlier one's of a leader that was elected without them.
  for (const [replaced, by] of [
    [1, 2],
    [3, 2],
  ] as const) {
    const disk = createMemoryDisk();
    const store = await opened(disk);
    await store.append([entry(IDLE, 1, 1, LARGE)]);
    for (let index = 2; index <= 6; index++)
      await store.append([entry(IDLE, index, replaced, LARGE)]);
    for (let index = 2; index <= 4; index++) await store.append([entry(IDLE, index, by, 10)]);
    await saveSnapshot(store, IDLE, { index: 4, raftTerm: by }, [textOf("four")]);
    expect(disk.files().has("log-0000000001")).toBe(false);

    const log = (await opened(disk.crash({ kind: "lose-all" }))).log(IDLE);

    expect(log.base).toEqual({ index: 4, raftTerm: by });
    expect(log.lastIndex).toBe(4);
  }
});

test("a cut while a start writes the log's tail anew loses nothing that had been acknowledged", async () => {
  // The first file names no groups, its successor all sixty: what filled the one is too much for the other.
  const disk = createMemoryDisk();
  const store = await opened(disk);
  const hardState = { raftTerm: 1, votedFor: 1 };
  for (let group = 1; group <= 60; group++) {
    await store.append([{ kind: "hard-state", group, hardState }]);
  }
  await store.settle();
  for (let index = 1; index <= 20; index++) await store.append([entry(1, index, 1, 50)]);
  expect(logFiles(disk)).toBe(1);

  for (let operation = 0; ; operation++) {
    // All is synced but the mark, which so lags behind the entries.
    const second = disk.crash({ kind: "lose-all" });
    second.cutAt(operation, 2_000);
    const opening = opened(second).then(() => "opened");
    const outcome = await Promise.race([opening, second.cut]);
    const third = await opened(second.crash({ kind: "lose-all" }));
    expect(third.log(1).lastIndex, `cut at ${operation}`).toBe(20);
    if (outcome === "opened") break;
  }
});

/** What was acknowledged before a cut. */
interface Told {
  /** Entry 2 is the later one's. */
  replaced: number;
  base: number;
  isDone: boolean;
}

/** One entry, then so many files full of a leader's that got no majority, then another one's second. */
async function replaceOver(
  store: LogStore,
  files: number,
  told: Pick<Told, "replaced"> = { replaced: 0 },
): Promise<void> {
  for (let index = 1; index <= 4 * files; index++) {
    await store.append([entry(IDLE, index, 1, LARGE)]);
    // Now and then, so that cuts find it up to date and lagging, and in the midst of being written.
    if (index % 3 === 1) store.writeMark();
  }
  const hardState = { raftTerm: 2, votedFor: undefined };
  await store.append([{ kind: "hard-state", group: IDLE, hardState }, entry(IDLE, 2, 2, 10)]);
  store.writeMark();
  told.replaced = 1;
}

async function verify(store: LogStore, told: Told, where: string): Promise<void> {
  const log = store.log(IDLE);
  expect(log.base.index, where).toBeGreaterThanOrEqual(told.base);
  if (told.replaced > 0) expect(log.lastIndex, where).toBe(2);
  if (log.lastIndex < 2) return;
  const isReplaced = log.raftTermAt(2) === 2;
  if (told.replaced > 0) expect(isReplaced, where).toBe(true);
  if (isReplaced) expect(log.lastIndex, where).toBe(2);
  if (isReplaced) expect(log.hardState.raftTerm, where).toBe(2);
  for (let index = log.base.index + 1; index <= log.lastIndex; index++) {
    const loaded = await store.load(IDLE, index, index);
    const raftTerm = isReplaced && index === 2 ? 2 : 1;
    expect(loaded, where).toMatchObject({ kind: "loaded", entries: [{ index, raftTerm }] });
  }
}

function logFiles(disk: MemoryDisk): number {
  return [...disk.files().keys()].filter((name) => name.startsWith("log-")).length;
}

async function opened(disk: MemoryDisk): Promise<LogStore> {
  const clusterId = new Uint8Array(32).fill(7);
  const limits = { segmentBytes: 4096, recoveryCacheBytesMax: 1_000 };
  const outcome = await openStore({ disk, clusterId, ...limits });
  if (outcome.kind !== "opened") throw new Error(JSON.stringify(outcome));
  return outcome.store;
}

const textOf = (text: string): Uint8Array => new TextEncoder().encode(text);

function entry(group: number, index: number, raftTerm: number, bytes: number): LogRecord {
  const content = new Uint8Array(bytes).fill(index);
  return { kind: "entry", group, entry: { index, raftTerm, type: "proposal", bytes: content } };
}
