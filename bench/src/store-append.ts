// SPDX-License-Identifier: Apache-2.0
/**
 * How many entries per second does the log of a group of one make durable, one write and one fdatasync
 * per batch, beside a bare loop that writes and syncs the same bytes?
 */

import { mkdtemp, open, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createPrng, LoopWatch } from "@conclave/base";
import { createHost, type Group, type Host } from "@conclave/raft";
import { createFileDisk, systemClock } from "@conclave/server/node";
import { type Answer, count, countWithSpread, decimals, type Question } from "./answer.ts";
import { closedLoop, takeTurns } from "./rounds.ts";

const ENTRY_BYTES = 128;
const BATCHES = [1, 64, 512];
/** Preallocated, as the store's segments are: growing a file costs a sync of its metadata too. */
const BARE_FILE_BYTES = 16 * 1024 * 1024;

export const storeAppend: Question = {
  name: "store-append",
  async ask({ rounds, roundMs }) {
    const folder = await mkdtemp(join(tmpdir(), "conclave-bench-"));
    const bare = await openBareFile(join(folder, "bare"));
    const { group, stop } = await openGroup(join(folder, "log"));
    const answers: Answer[] = [];
    for (const batch of BATCHES) {
      const bytes = new Uint8Array(batch * ENTRY_BYTES).fill(1);
      const batches = await takeTurns(
        [
          {
            name: "bare write and fdatasync",
            round: () => closedLoop(1, roundMs, () => bare.append(bytes)),
          },
          {
            name: "the log, acknowledged",
            round: () => closedLoop(1, roundMs, () => append(group, batch)),
          },
        ],
        rounds,
      );
      const base = batches[0]?.perSecond.median ?? Number.NaN;
      answers.push({
        title: `Entries of ${ENTRY_BYTES} bytes made durable, ${batch} a batch`,
        columns: ["", "batches per second (min-max)", "entries per second", "p50, ms", "ratio"],
        rows: batches.map(({ name, perSecond, p50Ms }) => [
          name,
          countWithSpread(perSecond),
          count(perSecond.median * batch),
          decimals(p50Ms, 3),
          decimals(perSecond.median / base),
        ]),
      });
    }
    await stop();
    await bare.close();
    await rm(folder, { recursive: true });
    return answers;
  },
};

interface BareFile {
  append(bytes: Uint8Array): Promise<void>;
  close(): Promise<void>;
}

async function openBareFile(path: string): Promise<BareFile> {
  const file = await open(path, "w+");
  await file.write(new Uint8Array(BARE_FILE_BYTES), 0);
  await file.sync();
  let offset = 0;
  return {
    async append(bytes) {
      if (offset + bytes.length > BARE_FILE_BYTES) offset = 0;
      await file.write(bytes, 0, bytes.length, offset);
      await file.datasync();
      offset += bytes.length;
    },
    close: () => file.close(),
  };
}

async function append(group: Group, batch: number): Promise<void> {
  const outcomes = await Promise.all(
    Array.from({ length: batch }, () => group.propose(new Uint8Array(ENTRY_BYTES).fill(1))),
  );
  for (const { kind } of outcomes) if (kind !== "applied") throw new Error(`an entry was ${kind}`);
}

async function stop(host: Host, loop: LoopWatch): Promise<void> {
  loop.stop();
  await host.stop();
}

function openGroup(folder: string): Promise<{ group: Group; stop: () => Promise<void> }> {
  const loop = new LoopWatch(systemClock);
  const host = createHost({
    replica: 1,
    bootstrap: [1],
    clusterId: new Uint8Array(32),
    disk: createFileDisk(folder),
    clock: systemClock,
    prng: createPrng(1n),
    loop,
    transport: { send: () => {} },
  });
  loop.start();
  return new Promise((resolve, reject) => {
    const group = host.openGroup(1, {
      committed: () => {},
      restored: () => {},
      roleChanged: (role) => {
        if (role.kind === "leader") resolve({ group, stop: () => stop(host, loop) });
      },
      snapshot: () => [],
      failed: ({ detail }) => reject(new Error(detail)),
    });
    void host.start().then((started) => {
      if (started.kind !== "started") reject(new Error(started.detail));
    });
  });
}
