// SPDX-License-Identifier: Apache-2.0
/** The memory disk is no kinder than a real one. */

import { createManualClock } from "@conclave/base";
import { expect, test } from "vitest";
import { createMemoryDisk } from "./memory-disk.ts";

test("what is written while a sync is under way is not durable when it ends", async () => {
  const clock = createManualClock();
  const disk = createMemoryDisk({ sync: { clock, durationMs: 5 } });
  const created = await disk.create("a", 2);
  if (created.kind === "fault") throw new Error(created.detail);
  await disk.syncDirectory();
  const file = created.value;
  await file.write(0, Uint8Array.of(1));

  const syncing = file.datasync();
  await file.write(1, Uint8Array.of(2));
  clock.advance(5);
  await syncing;

  const after = await disk.crash({ kind: "lose-all" }).open("a");
  if (after.kind === "fault") throw new Error(after.detail);
  expect(await after.value.read(0, 2)).toEqual({ kind: "ok", value: Uint8Array.of(1, 0) });
});

test.each([
  ["after its write, before its sync", 2, [0]],
  ["after both", 3, [1]],
])("a power cut of a durable write %s finds what was synced", async (_, operation, content) => {
  const disk = createMemoryDisk();
  const created = await disk.create("a", 1);
  if (created.kind === "fault") throw new Error(created.detail);
  await created.value.datasync();
  await disk.syncDirectory();
  disk.cutAt(disk.operations + operation - 1, 0);

  const written = created.value.writeDurably(0, Uint8Array.of(1));
  await Promise.race([written, disk.cut]);

  const after = await disk.crash({ kind: "lose-all" }).open("a");
  if (after.kind === "fault") throw new Error(after.detail);
  expect(await after.value.read(0, 1)).toEqual({ kind: "ok", value: Uint8Array.from(content) });
});

test("a durable write whose sync fails is shown by reads and gone after a power cut", async () => {
  const disk = createMemoryDisk();
  const created = await disk.create("a", 1);
  if (created.kind === "fault") throw new Error(created.detail);
  await created.value.datasync();
  await disk.syncDirectory();
  disk.refuse("datasync", "io", 1);

  expect(await created.value.writeDurably(0, Uint8Array.of(1))).toMatchObject({ reason: "io" });

  expect(await created.value.read(0, 1)).toMatchObject({ value: Uint8Array.of(1) });
  await created.value.datasync();
  const after = await disk.crash({ kind: "keep-all" }).open("a");
  if (after.kind === "fault") throw new Error(after.detail);
  expect(await after.value.read(0, 1)).toMatchObject({ value: Uint8Array.of(0) });
});
