// SPDX-License-Identifier: Apache-2.0
/** A disk that refuses: failed syncs are not believed twice (S6), a full disk passes (S11). */

import { createPrng } from "@conclave/base";
import { expect, test } from "vitest";
import {
  createMemoryDisk,
  type DiskOperation,
  type MemoryDisk,
  randomFate,
} from "../memory/index.ts";
import { saveSnapshot } from "../spec/save-snapshot.ts";
import type { LogRecord } from "./log-record.ts";
import { type LogStore, openStore } from "./log-store.ts";

const SEGMENT_BYTES = 4096;

test("after a failed sync the records are acknowledged only from a new file, and survive", async () => {
  const disk = createMemoryDisk();
  const store = await opened(disk);
  await store.append([entry(1, "before")]);
  disk.refuse("datasync", "io", 1);

  expect(await store.append([entry(2, "after")])).toEqual({ kind: "synced" });

  expect(store.log(1).positionOf(2).segment).toBe(2);
  const again = await opened(disk.crash({ kind: "lose-all" }));
  expect(again.log(1).lastIndex).toBe(2);
});

test("a sync that fails for want of room has lost its pages like any other: a new file takes them", async () => {
  const disk = createMemoryDisk();
  const store = await opened(disk);
  await store.probeSpace();
  disk.refuse("datasync", "no-space", 1);

  expect(await store.append([entry(1, "a")])).toEqual({ kind: "synced" });

  expect(store.log(1).positionOf(1).segment).toBe(2);
});

test("what a failed sync dropped and reads still show is not believed by the next process", async () => {
  const disk = createMemoryDisk();
  const store = await opened(disk);
  await store.append([entry(1, "before")]);
  disk.refuse("datasync", "io", -1);
  expect((await store.append([entry(2, "after")])).kind).toBe("failed");
  disk.heal();

  const next = disk.kill();
  const second = await opened(next);
  const found = second.log(1).lastIndex;
  const third = await opened(next.crash({ kind: "lose-all" }));

  // Found or not, what the second process has seen is durable when it begins.
  expect(third.log(1).lastIndex).toBe(found);
});

test("a fault in every operation of an append is survived, or ends the store; nothing is lost", async () => {
  const operations: readonly DiskOperation[] = [
    "create",
    "write",
    "datasync",
    "rename",
    "sync-directory",
    "remove",
  ];
  for (const operation of operations) {
    for (const reason of ["io", "no-space", "read-only"] as const) {
      for (const count of [1, 2, 3, -1]) {
        const disk = createMemoryDisk();
        const store = await opened(disk);
        await store.append([entry(1, "x".repeat(1_500))]);
        disk.refuse(operation, reason, count);
        let acknowledged = 1;
        for (let index = 2; index <= 6; index++) {
          const records = [entry(index, "x".repeat(1_500))];
          let outcome = await store.append(records);
          // Room may come back: the same records may be given again.
          for (let i = 0; i < 4 && outcome.kind === "no-space"; i++) {
            outcome = await store.append(records);
          }
          if (outcome.kind !== "synced") break;
          acknowledged = index;
        }
        const prng = createPrng(3n).child(`${operation}/${reason}/${count}`);

        const again = await opened(disk.crash(randomFate(prng)));

        const where = `${operation} ${reason} ${count}`;
        expect(again.log(1).lastIndex, where).toBeGreaterThanOrEqual(acknowledged);
        if (count === 1) expect(acknowledged, where).toBe(6);
      }
    }
  }
});

test("a disk that fills up leaves a whole segment of room, and is used again when it empties", async () => {
  const disk = createMemoryDisk();
  const store = await opened(disk);
  let index = 0;
  while (store.roomBytes < SEGMENT_BYTES) await store.probeSpace();
  disk.resize(0);
  while (!store.isShortOfSpace) {
    index += 1;
    expect(await store.append([entry(index, "x".repeat(500))])).toEqual({ kind: "synced" });
    await store.probeSpace();
  }
  expect(store.roomBytes).toBeGreaterThan(SEGMENT_BYTES / 2);

  let outcome = await store.append([entry(index + 1, "x".repeat(500))]);
  while (outcome.kind === "synced") {
    index += 1;
    outcome = await store.append([entry(index + 1, "x".repeat(500))]);
  }
  expect(outcome).toEqual({ kind: "no-space", synced: 0 });

  disk.resize(1_000_000);
  await store.probeSpace();
  expect(store.isShortOfSpace).toBe(false);
  expect(await store.append([entry(index + 1, "again")])).toEqual({ kind: "synced" });
  const again = await opened(disk.crash({ kind: "lose-all" }));
  expect(again.log(1).lastIndex).toBe(index + 1);
});

test("a new file whose name could not be synced, or taken back, cuts off nothing acknowledged later", async () => {
  const disk = createMemoryDisk();
  const store = await opened(disk);
  await store.probeSpace();
  await store.append([entry(1, "x".repeat(2_500))]);
  disk.refuse("sync-directory", "no-space", 1);
  const large = await store.append([entry(2, "x".repeat(1_500))]);
  expect(large).toEqual({ kind: "no-space", synced: 0 });

  expect(await store.append([entry(2, "small")])).toEqual({ kind: "synced" });

  for (let seed = 0n; seed < 20n; seed++) {
    const again = await opened(disk.crash(randomFate(createPrng(seed))));
    const loaded = await again.load(1, 2, 2);
    const bytes = loaded.kind === "loaded" ? loaded.entries[0]!.bytes : undefined;
    expect(new TextDecoder().decode(bytes), `seed ${seed}`).toBe("small");
  }
});

test("a snapshot that finds no room changes nothing and gives back what it took", async () => {
  const disk = createMemoryDisk();
  const store = await opened(disk);
  await store.append([entry(1, "a")]);
  await store.probeSpace();
  disk.resize(0);
  const before = [...disk.files().keys()];

  const saved = await saveSnapshot(store, 1, { index: 1, raftTerm: 1 }, [new Uint8Array(100)]);

  expect(saved).toMatchObject({ kind: "fault", reason: "no-space" });
  expect([...disk.files().keys()]).toEqual(before);
  expect(store.log(1).base.index).toBe(0);
});

test("a segment is removed only when every group is past it", async () => {
  const disk = createMemoryDisk();
  const store = await opened(disk);
  await store.append([entry(1, "a"), { ...entry(1, "b"), group: 2 } as LogRecord]);
  for (let index = 2; index <= 9; index++) await store.append([entry(index, "x".repeat(1_500))]);
  const logs = (): number => [...disk.files().keys()].filter((n) => n.startsWith("log-")).length;
  const before = logs();

  await saveSnapshot(store, 1, { index: 9, raftTerm: 1 }, []);
  expect(logs()).toBe(before);
  expect(store.groupsPinning(2)).toEqual([2]);

  await saveSnapshot(store, 2, { index: 1, raftTerm: 1 }, []);
  expect(logs()).toBeLessThan(before);
});

test("a damaged entry is not read back as if it were whole", async () => {
  const disk = createMemoryDisk();
  const store = await opened(disk);
  await store.append([entry(1, "precious")]);
  const { offset, length } = store.log(1).positionOf(1);
  disk.flipBit("log-0000000001", offset + length - 1, 0);

  expect((await store.load(1, 1, 1)).kind).toBe("rotten");
});

async function opened(disk: MemoryDisk): Promise<LogStore> {
  const clusterId = new Uint8Array(32).fill(7);
  const recoveryCacheBytesMax = 1_000;
  const options = { disk, clusterId, segmentBytes: SEGMENT_BYTES, recoveryCacheBytesMax };
  const outcome = await openStore(options);
  if (outcome.kind !== "opened") throw new Error(JSON.stringify(outcome));
  return outcome.store;
}

function entry(index: number, text: string): LogRecord {
  const bytes = new TextEncoder().encode(text);
  return { kind: "entry", group: 1, entry: { index, raftTerm: 1, type: "proposal", bytes } };
}
