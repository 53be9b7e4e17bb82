// SPDX-License-Identifier: Apache-2.0
/** A snapshot that comes in chunks, and a disk that refuses some of it. */

import { createManualClock, type ManualClock } from "@conclave/base";
import { expect, test } from "vitest";
import { createMemoryDisk, type MemoryDisk } from "../memory/index.ts";
import { type LogStore, openStore } from "../store/log-store.ts";
import { type SnapshotChunk, SnapshotReceiver } from "./snapshot-receiver.ts";

const STATE: Uint8Array = new Uint8Array(700_000).map((_, i) => i % 249);

test("the chunks of a snapshot are durable under its name before anybody is told", async () => {
  const { receiver, store, told } = await parts();

  for (const chunk of chunksOf(9, 300_000)) receiver.write(chunk);
  await receiver.abandon();

  expect(told).toEqual(["received 9"]);
  expect(store.newestSnapshot(1)).toMatchObject({ head: { index: 9 }, totalBytes: 700_000 });
  const reading = await store.readSnapshot(1);
  expect(reading.kind === "read" && Buffer.compare(reading.snapshot.bytes, STATE)).toBe(0);
});

test("a snapshot that begins anew, or another, takes nothing over from what came before", async () => {
  const { receiver, store, told, disk } = await parts();
  const [first, second] = chunksOf(9, 300_000);
  receiver.write(first!);
  receiver.write(second!);

  for (const chunk of chunksOf(10, 400_000)) receiver.write(chunk);
  await receiver.abandon();

  expect(told).toEqual(["received 10"]);
  const reading = await store.readSnapshot(1);
  expect(reading.kind === "read" && Buffer.compare(reading.snapshot.bytes, STATE)).toBe(0);
  expect([...disk.files().keys()].filter((name) => name.endsWith(".tmp"))).toEqual([]);
});

test("a disk that refuses is not asked again for a second, nor are the rest of the chunks", async () => {
  const { receiver, told, disk, clock } = await parts();
  disk.resize(0);
  const [first, ...rest] = chunksOf(9, 300_000);

  receiver.write(first!);
  for (let i = 0; i < 50; i++) await Promise.resolve();
  expect(told).toEqual(["refused"]);
  expect(receiver.isBusy).toBe(true);
  for (const chunk of rest) receiver.write(chunk);
  await receiver.abandon();

  clock.advance(1_000);
  expect(receiver.isBusy).toBe(false);
  expect(told).toEqual(["refused"]);
  expect([...disk.files().keys()].filter((name) => name.includes("snapshot"))).toEqual([]);
});

test("what waits to be written is bounded: beyond that a leader's chunks are to be dropped", async () => {
  const { receiver } = await parts();
  for (const chunk of chunksOf(9, 100_000)) receiver.write(chunk);
  expect(receiver.isBusy).toBe(false);

  for (let index = 10; index < 13; index++) {
    for (const chunk of chunksOf(index, 700_000)) receiver.write(chunk);
  }
  expect(receiver.isBusy).toBe(true);
  await receiver.abandon();

  expect(receiver.isBusy).toBe(false);
});

async function parts(): Promise<{
  receiver: SnapshotReceiver;
  store: LogStore;
  told: string[];
  disk: MemoryDisk;
  clock: ManualClock;
}> {
  const disk = createMemoryDisk();
  const clock = createManualClock();
  const clusterId = new Uint8Array(32).fill(7);
  const limits = { segmentBytes: 4096, recoveryCacheBytesMax: 0 };
  const opened = await openStore({ disk, clusterId, ...limits });
  if (opened.kind !== "opened") throw new Error(opened.kind);
  const told: string[] = [];
  const receiver = new SnapshotReceiver({
    clock,
    group: 1,
    store: opened.store,
    received: async (index) => {
      told.push(`received ${index}`);
    },
    refused: () => told.push("refused"),
  });
  return { receiver, store: opened.store, told, disk, clock };
}

function chunksOf(snapshotIndex: number, length: number): readonly SnapshotChunk[] {
  const configuration = { voters: [1, 2], outgoing: [], learners: [] };
  const kind = "write-snapshot-chunk";
  const head = { kind, from: 2, snapshotIndex, snapshotRaftTerm: 3, configuration } as const;
  const chunks: SnapshotChunk[] = [];
  for (let offset = 0; offset < STATE.length; offset += length) {
    const bytes = STATE.subarray(offset, offset + length);
    chunks.push({ ...head, totalBytes: STATE.length, offset, bytes });
  }
  return chunks;
}
