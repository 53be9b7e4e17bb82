// SPDX-License-Identifier: Apache-2.0
/** A log that begins with states: whole, durable, of one cluster, and never over another log. */
import { expect, test } from "vitest";
import { replicaIdOf } from "../ids.ts";
import { createMemoryDisk, type MemoryDisk } from "../memory/index.ts";
import { writeInitialSnapshots } from "./initial-snapshots.ts";
import { openStore } from "./log-store.ts";

const clusterId = new Uint8Array(32).fill(9);
const voters = [1, 2, 3].map((node) => replicaIdOf(node, 0));
const chunksOf = (text: string): Uint8Array[] =>
  [...text].map((character) => new TextEncoder().encode(character));
const states = [
  { group: 1, chunks: chunksOf("first") },
  { group: 2, chunks: [new Uint8Array(700_000).fill(5)] },
];

const write = (disk: MemoryDisk) => writeInitialSnapshots({ disk, clusterId, voters }, states);

async function reopened(disk: MemoryDisk, id = clusterId) {
  const limits = { segmentBytes: 1 << 20, recoveryCacheBytesMax: 0 };
  return await openStore({ disk, clusterId: id, ...limits });
}

test("each group begins behind a snapshot with the new members, also after a power cut", async () => {
  const disk = createMemoryDisk();

  expect(await write(disk)).toEqual({ kind: "written" });

  const opened = await reopened(disk.crash({ kind: "lose-all" }));
  if (opened.kind !== "opened") throw new Error(opened.kind);
  const first = opened.store.takeSnapshot(1);
  expect(first).toMatchObject({ index: 1, raftTerm: 1, configuration: { voters } });
  expect(new TextDecoder().decode(first?.bytes)).toBe("first");
  const second = opened.store.takeSnapshot(2);
  expect(second?.bytes).toHaveLength(700_000);
  expect(second?.bytes.every((byte) => byte === 5)).toBe(true);
  for (const group of [1, 2]) {
    const log = opened.store.log(group);
    expect(log).toMatchObject({ base: { index: 1, raftTerm: 1 }, lastIndex: 1 });
    expect(log.hardState).toEqual({ raftTerm: 1, votedFor: undefined });
  }
});

test("another cluster refuses the log", async () => {
  const disk = createMemoryDisk();
  await write(disk);
  expect(await reopened(disk, new Uint8Array(32))).toMatchObject({ reason: "foreign" });
});

test("a directory that holds a log is left alone", async () => {
  const disk = createMemoryDisk();
  await write(disk);
  const before = new Map(disk.files());

  expect(await write(disk)).toMatchObject({ kind: "refused" });

  expect([...disk.files().keys()]).toEqual([...before.keys()]);
});
