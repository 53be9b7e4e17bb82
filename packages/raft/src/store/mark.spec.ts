// SPDX-License-Identifier: Apache-2.0
/** The mark of a store that goes idle again and again on a slow disk, and the power that fails. */

import { createManualClock, createPrng, type ManualClock } from "@conclave/base";
import { expect, test } from "vitest";
import { createMemoryDisk, type MemoryDisk, randomFate } from "../memory/index.ts";
import { createMark, MARK_NAME, type Mark, readMark } from "./mark.ts";

const CLUSTER_ID = new Uint8Array(32).fill(7);
const SYNC_MS = 500;

test("a power cut while the mark is being settled leaves the slot that was settled before whole", async () => {
  const { clock, disk, mark } = await slowMark();
  mark.moveTo({ sequence: 1, end: 50, checksum: 50 });
  const before = mark.settle();
  await advance(clock, SYNC_MS);
  await before;
  for (const end of [100, 200]) {
    mark.moveTo({ sequence: 1, end, checksum: end });
    mark.write();
    await settled();
    void mark.settle();
    await advance(clock, SYNC_MS / 5);
  }

  for (let seed = 0n; seed < 2_000n; seed++) {
    const after = disk.crash(randomFate(createPrng(seed)));
    // The running slots may always be torn both.
    for (const slot of [0, 1]) after.flipBit(MARK_NAME, slot * 4096 + 30, 1);
    expect(await endOf(after), `seed ${seed}`).toBeGreaterThanOrEqual(50);
  }
});

test("a power cut at no moment of a mark's replacement after a failed sync finds none", async () => {
  for (let steps = 0; steps < 16; steps++) {
    const { clock, disk, mark } = await slowMark();
    mark.moveTo({ sequence: 1, end: 100, checksum: 1 });
    disk.refuse("datasync", "io", 2);

    void mark.settle();
    await advance(clock, SYNC_MS / 5);
    mark.moveTo({ sequence: 1, end: 200, checksum: 2 });
    mark.write();
    void mark.settle();
    for (let i = 0; i < steps; i++) await advance(clock, SYNC_MS / 5);

    const after = disk.crash({ kind: "lose-all" });
    expect(await endOf(after), `${steps} steps`).toBeGreaterThanOrEqual(10);
  }
});

test("however often the log was synced, a beat writes the mark once, and not at all when it stood still", async () => {
  const { disk, mark } = await slowMark();
  const before = disk.operations;

  for (let end = 20; end <= 1_020; end++) mark.moveTo({ sequence: 1, end, checksum: end });
  mark.write();
  await settled();
  mark.write();
  await settled();

  expect(disk.operations).toBe(before + 1);
  expect(await endOf(disk)).toBe(1_020);
});

test("a write of the mark that is torn leaves what the one before it said", async () => {
  const { disk, mark } = await slowMark();
  for (const end of [100, 200]) {
    mark.moveTo({ sequence: 1, end, checksum: end });
    mark.write();
    await settled();
  }
  mark.moveTo({ sequence: 1, end: 300, checksum: 300 });
  disk.cutAt(disk.operations, 30);
  mark.write();
  await settled();

  expect(await endOf(disk.kill())).toBe(200);
});

async function slowMark(): Promise<{
  readonly clock: ManualClock;
  readonly disk: MemoryDisk;
  readonly mark: Mark;
}> {
  const clock = createManualClock();
  const disk = createMemoryDisk({ sync: { clock, durationMs: SYNC_MS } });
  const content = { sequence: 1, end: 10, checksum: 10, counter: 1 };
  const creating = createMark(disk, CLUSTER_ID, content);
  await advance(clock, SYNC_MS);
  const created = await creating;
  if (created.kind === "fault") throw new Error(created.detail);
  return { clock, disk, mark: created.value };
}

/** The end that the mark names; undefined where no slot verifies. */
async function endOf(disk: MemoryDisk): Promise<number | undefined> {
  const opened = await disk.open(MARK_NAME);
  if (opened.kind === "fault") throw new Error(opened.detail);
  const read = await opened.value.read(0, 1_000_000);
  if (read.kind === "fault") throw new Error(read.detail);
  const reading = readMark(read.value, CLUSTER_ID);
  return reading.kind === "read" ? reading.content.end : undefined;
}

async function advance(clock: ManualClock, ms: number): Promise<void> {
  await settled();
  clock.advance(ms);
  await settled();
}

/** Lets everything that needs no time run to its end. */
async function settled(): Promise<void> {
  for (let i = 0; i < 100; i++) await Promise.resolve();
}
