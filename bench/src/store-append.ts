// SPDX-License-Identifier: Apache-2.0
/**
 * How many entries per second does the log of a group of one make durable, one write and one fdatasync
 * per batch, beside a bare loop that writes and syncs the same bytes?
 */

import { mkdtemp, open, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createPrng } from "@conclave/base";
import { createHost, type Group } from "@conclave/raft";
import { createFileDisk, systemClock } from "@conclave/server/node";
import { type Measurement, measure } from "./measure.ts";

const ENTRY_BYTES = 128;
const BATCHES = [1, 64, 512];
/** Preallocated, as the store's segments are: growing a file costs a sync of its metadata too. */
const BARE_FILE_BYTES = 16 * 1024 * 1024;

interface Answer {
  readonly question: string;
  readonly rows: readonly Measurement[];
}

export async function measureAppends(): Promise<Answer[]> {
  const folder = await mkdtemp(join(tmpdir(), "conclave-bench-"));
  const file = await open(join(folder, "bare"), "w+");
  await file.write(new Uint8Array(BARE_FILE_BYTES), 0);
  await file.sync();
  const { group, stop } = await openGroup(join(folder, "log"));
  const answers: Answer[] = [];
  let offset = 0;
  for (const batch of BATCHES) {
    const bytes = new Uint8Array(batch * ENTRY_BYTES).fill(1);
    const rows = await measure(
      [
        {
          name: "bare write and fdatasync",
          operations: batch,
          run: async () => {
            if (offset + bytes.length > BARE_FILE_BYTES) offset = 0;
            await file.write(bytes, 0, bytes.length, offset);
            await file.datasync();
            offset += bytes.length;
          },
        },
        {
          name: "the log, acknowledged",
          operations: batch,
          run: () => append(group, batch),
        },
      ],
      2,
    );
    answers.push({
      question: `Entries of ${ENTRY_BYTES} bytes made durable, ${batch} a batch`,
      rows,
    });
  }
  await stop();
  await file.close();
  await rm(folder, { recursive: true });
  return answers;
}

async function append(group: Group, batch: number): Promise<void> {
  const outcomes = await Promise.all(
    Array.from({ length: batch }, () => group.propose(new Uint8Array(ENTRY_BYTES).fill(1))),
  );
  for (const { kind } of outcomes) if (kind !== "applied") throw new Error(`an entry was ${kind}`);
}

function openGroup(folder: string): Promise<{ group: Group; stop: () => Promise<void> }> {
  const host = createHost({
    node: 1,
    clusterId: new Uint8Array(32),
    disk: createFileDisk(folder),
    clock: systemClock,
    prng: createPrng(1n),
  });
  return new Promise((resolve, reject) => {
    const group = host.openGroup(1, {
      committed: () => {},
      restored: () => {},
      roleChanged: (role) => {
        if (role.kind === "leader") resolve({ group, stop: () => host.stop() });
      },
      snapshot: () => [],
      failed: ({ detail }) => reject(new Error(detail)),
    });
    void host.start().then((started) => {
      if (started.kind !== "started") reject(new Error(started.detail));
    });
  });
}
