// SPDX-License-Identifier: Apache-2.0
/** How much of a snapshot is taken between two turns of the loop. */

import { createManualClock } from "@conclave/base";
import { expect, test } from "vitest";
import { createMemoryDisk } from "../memory/index.ts";
import { readSnapshot, SNAPSHOT_CHUNK_BYTES } from "../store/snapshot-file.ts";
import { beginSnapshot, type SnapshotWriter } from "../store/snapshot-writer.ts";
import { walkInSlices } from "./snapshot-walk.ts";

const HEAD = {
  index: 1,
  raftTerm: 1,
  configuration: { voters: [1], outgoing: [], learners: [] },
};
const CLUSTER_ID = new Uint8Array(32).fill(7);

test("between two turns of the loop one chunk of the file is written at most", async () => {
  const { writer } = await begun();
  const clock = createManualClock();
  const totals: number[] = [];
  const rest = async (): Promise<boolean> => {
    totals.push(writer.totalBytes);
    return true;
  };

  const isWalked = await walkInSlices(pieces(200, 10_000), writer, clock, rest);

  expect(isWalked).toBe(true);
  expect(totals.length).toBe(Math.floor(2_000_000 / SNAPSHOT_CHUNK_BYTES));
  for (const [i, total] of totals.entries()) {
    expect(total - (totals[i - 1] ?? 0)).toBeLessThanOrEqual(SNAPSHOT_CHUNK_BYTES);
  }
});

test("a state machine that is slow to tell its state is left after four milliseconds", async () => {
  const { writer } = await begun();
  const clock = createManualClock();
  let sliceMs = 0;
  let longestMs = 0;
  function* slow(): Generator<Uint8Array> {
    for (const piece of pieces(50, 100)) {
      clock.advance(1);
      sliceMs += 1;
      yield piece;
    }
  }
  const rest = async (): Promise<boolean> => {
    longestMs = Math.max(longestMs, sliceMs);
    sliceMs = 0;
    return true;
  };

  await walkInSlices(slow(), writer, clock, rest);

  expect(longestMs).toBe(4);
});

test("a chunk of the state larger than any of the file is written in parts, and read back whole", async () => {
  const { writer, disk } = await begun();
  const state = new Uint8Array(700_000).map((_, i) => i % 253);
  const rest = async (): Promise<boolean> => true;

  await walkInSlices([state], writer, createManualClock(), rest);
  await writer.finish();

  const reading = await readSnapshot(disk, CLUSTER_ID, 1, 1);
  expect(reading.kind === "read" && Buffer.compare(reading.snapshot.bytes, state)).toBe(0);
});

test("a walk that is not wanted any more ends at its next rest", async () => {
  const { writer } = await begun();
  const rest = async (): Promise<boolean> => false;

  const isWalked = await walkInSlices(pieces(200, 10_000), writer, createManualClock(), rest);

  expect(isWalked).toBe(false);
  expect(writer.totalBytes).toBe(SNAPSHOT_CHUNK_BYTES);
});

async function begun(): Promise<{
  writer: SnapshotWriter;
  disk: ReturnType<typeof createMemoryDisk>;
}> {
  const disk = createMemoryDisk();
  const outcome = await beginSnapshot(disk, CLUSTER_ID, 1, HEAD);
  if (outcome.kind !== "ok") throw new Error(outcome.detail);
  return { writer: outcome.value, disk };
}

function* pieces(count: number, bytes: number): Generator<Uint8Array> {
  for (let i = 0; i < count; i++) yield new Uint8Array(bytes).fill(i);
}
