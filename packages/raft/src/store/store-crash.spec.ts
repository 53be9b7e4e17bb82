// SPDX-License-Identifier: Apache-2.0
/**
 * Power cuts at every operation of a scripted workload, and at random in random ones: what was
 * acknowledged is read back (S2), what was not may be lost but is never invented (S3).
 */

import { createPrng } from "@conclave/base";
import fc from "fast-check";
import { expect, test } from "vitest";
import { type CrashFate, createMemoryDisk, type MemoryDisk, randomFate } from "../memory/index.ts";
import { saveSnapshot } from "../spec/save-snapshot.ts";
import type { LogRecord } from "./log-record.ts";
import { type LogStore, openStore } from "./log-store.ts";

const CLUSTER_ID = new Uint8Array(32).fill(7);
const SEGMENT_BYTES = 4096;

/** What a group's log must, and what it may, look like after a crash. */
interface Ledger {
  /** Index to the text of the entry, as acknowledged. */
  readonly acknowledged: Map<number, string>;
  /** All texts ever handed over for an index. */
  readonly offered: Map<number, Set<string>>;
  raftTerm: number;
  raftTermOffered: number;
  snapshotIndex: number;
}

type Act =
  | { readonly kind: "append"; readonly group: number; readonly bytes: number }
  | { readonly kind: "vote"; readonly group: number }
  | { readonly kind: "snapshot"; readonly group: number }
  | { readonly kind: "beat" }
  | { readonly kind: "settle" };

const SCRIPT: readonly Act[] = [
  { kind: "vote", group: 1 },
  { kind: "append", group: 1, bytes: 40 },
  { kind: "beat" },
  { kind: "vote", group: 2 },
  { kind: "append", group: 2, bytes: 700 },
  { kind: "settle" },
  { kind: "append", group: 1, bytes: 1_500 },
  { kind: "beat" },
  { kind: "append", group: 2, bytes: 1_500 },
  { kind: "beat" },
  { kind: "append", group: 1, bytes: 1_200 },
  { kind: "snapshot", group: 1 },
  { kind: "append", group: 2, bytes: 1_100 },
  { kind: "beat" },
  { kind: "snapshot", group: 2 },
  { kind: "append", group: 1, bytes: 60 },
  { kind: "settle" },
];

test("a cut at every operation, whole or torn, loses nothing acknowledged and invents nothing", async () => {
  const total = await operationsOf(SCRIPT);
  expect(total).toBeGreaterThan(40);
  for (let operation = 0; operation < total; operation++) {
    for (const keptBytes of [0, 1, 21, 600, 100_000]) {
      for (const seed of [1n, 2n]) {
        const prng = createPrng(seed).child(`${operation}/${keptBytes}`);
        await cutAndReopen(SCRIPT, operation, keptBytes, randomFate(prng));
      }
    }
    await cutAndReopen(SCRIPT, operation, 0, { kind: "lose-all" });
    await cutAndReopen(SCRIPT, operation, 100_000, { kind: "keep-all" });
  }
});

test("a process killed at every operation finds all it acknowledged, without a power cut", async () => {
  const total = await operationsOf(SCRIPT);
  for (let operation = 0; operation < total; operation++) {
    await cutAndReopen(SCRIPT, operation, 33, "kill");
  }
});

test("random workloads with three crashes in a row keep what they acknowledged", async () => {
  const act: fc.Arbitrary<Act> = fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({
        kind: fc.constant("append" as const),
        group: fc.integer({ min: 1, max: 3 }),
        bytes: fc.integer({ min: 0, max: 1_600 }),
      }),
    },
    fc.record({ kind: fc.constant("vote" as const), group: fc.integer({ min: 1, max: 3 }) }),
    fc.record({ kind: fc.constant("snapshot" as const), group: fc.integer({ min: 1, max: 3 }) }),
    { weight: 3, arbitrary: fc.constant({ kind: "beat" as const }) },
    fc.constant({ kind: "settle" as const }),
  );
  const run = fc.asyncProperty(
    fc.array(act, { minLength: 5, maxLength: 25 }),
    fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
    async (acts, seed) => {
      const prng = createPrng(seed);
      const ledgers = new Map<number, Ledger>();
      let disk = createMemoryDisk();
      for (let life = 0; life < 3; life++) {
        disk.cutAt(disk.operations + prng.below(60), prng.below(2_000));
        await live(disk, acts, ledgers, life);
        disk = prng.chance(1, 3) ? disk.kill() : disk.crash(randomFate(prng));
        await verify(disk, ledgers);
        // The store that verified is killed too, with the repairs that it had begun.
        disk = disk.kill();
      }
    },
  );
  await fc.assert(run, { numRuns: 150, seed: 1 });
});

test("a mark that lags by a hundred and fifty thousand records does not keep the store from opening", async () => {
  const disk = createMemoryDisk();
  const options = { ...optionsOf(disk), segmentBytes: 8 * 1024 * 1024 };
  const first = await openStore(options);
  if (first.kind !== "opened") throw new Error(first.kind);
  const records = Array.from({ length: 150_000 }, (_, i): LogRecord => {
    const bytes = new Uint8Array(1);
    return {
      kind: "entry",
      group: 1,
      entry: { index: i + 1, raftTerm: 1, type: "proposal", bytes },
    };
  });

  expect(await first.store.append(records)).toEqual({ kind: "synced" });
  const again = await openStore({ ...options, disk: disk.crash({ kind: "lose-all" }) });

  expect(again.kind === "opened" && again.store.log(1).lastIndex).toBe(150_000);
});

async function operationsOf(acts: readonly Act[]): Promise<number> {
  const disk = createMemoryDisk();
  await live(disk, acts, new Map(), 0);
  return disk.operations;
}

async function cutAndReopen(
  acts: readonly Act[],
  operation: number,
  keptBytes: number,
  fate: CrashFate | "kill",
): Promise<void> {
  const disk = createMemoryDisk();
  const ledgers = new Map<number, Ledger>();
  disk.cutAt(operation, keptBytes);

  await live(disk, acts, ledgers, 0);

  const after = fate === "kill" ? disk.kill() : disk.crash(fate);
  await verify(after, ledgers, `cut at ${operation}, ${keptBytes} bytes kept`);
}

/** Does the acts until they are done or the disk is cut off, and notes what was acknowledged. */
async function live(
  disk: MemoryDisk,
  acts: readonly Act[],
  ledgers: Map<number, Ledger>,
  life: number,
): Promise<void> {
  const work = (async () => {
    const opened = await openStore(optionsOf(disk));
    if (opened.kind !== "opened") throw new Error(JSON.stringify(opened));
    for (const [i, act] of acts.entries())
      await perform(opened.store, act, ledgers, `${life}.${i}`);
  })();
  await Promise.race([work, disk.cut]);
}

async function perform(
  store: LogStore,
  act: Act,
  ledgers: Map<number, Ledger>,
  name: string,
): Promise<void> {
  if (act.kind === "settle") return store.settle();
  if (act.kind === "beat") return store.writeMark();
  const { group } = act;
  const ledger = ledgerOf(ledgers, group);
  const log = store.log(group);
  if (act.kind === "snapshot") {
    const base = { index: log.lastIndex, raftTerm: log.raftTermAt(log.lastIndex) };
    if (base.index <= log.base.index) return;
    const saved = await saveSnapshot(store, group, base, [
      new TextEncoder().encode(`${base.index}`),
    ]);
    expect(saved.kind).toBe("ok");
    ledger.snapshotIndex = base.index;
    return;
  }
  if (act.kind === "vote") {
    const raftTerm = Math.max(log.hardState.raftTerm, ledger.raftTermOffered) + 1;
    ledger.raftTermOffered = raftTerm;
    await store.append([{ kind: "hard-state", group, hardState: { raftTerm, votedFor: 1 } }]);
    ledger.raftTerm = raftTerm;
    return;
  }
  const index = log.lastIndex + 1;
  const text = `${group}/${index}/${name}/`.padEnd(act.bytes, "x");
  const offered = ledger.offered.get(index) ?? new Set();
  ledger.offered.set(index, offered.add(text));
  const bytes = new TextEncoder().encode(text);
  const raftTerm = Math.max(1, log.hardState.raftTerm);
  const record: LogRecord = {
    kind: "entry",
    group,
    entry: { index, raftTerm, type: "proposal", bytes },
  };
  const outcome = await store.append([record]);
  expect(outcome.kind).toBe("synced");
  ledger.acknowledged.set(index, text);
}

async function verify(
  disk: MemoryDisk,
  ledgers: Map<number, Ledger>,
  circumstances = "",
): Promise<void> {
  const opened = await openStore(optionsOf(disk));
  if (opened.kind !== "opened") throw new Error(`${circumstances}: ${JSON.stringify(opened)}`);
  const { store } = opened;
  for (const [group, ledger] of ledgers) {
    const log = store.log(group);
    const where = `${circumstances} group ${group}`;
    expect(log.hardState.raftTerm, where).toBeGreaterThanOrEqual(ledger.raftTerm);
    expect(log.hardState.raftTerm, where).toBeLessThanOrEqual(ledger.raftTermOffered);
    expect(log.base.index, where).toBeGreaterThanOrEqual(ledger.snapshotIndex);
    const snapshot = store.takeSnapshot(group);
    const snapshotText = snapshot === undefined ? "0" : new TextDecoder().decode(snapshot.bytes);
    expect(snapshotText, where).toBe(`${log.base.index}`);
    const highest = Math.max(0, ...ledger.acknowledged.keys());
    expect(log.lastIndex, where).toBeGreaterThanOrEqual(highest);
    for (let index = log.base.index + 1; index <= log.lastIndex; index++) {
      const text = await textAt(store, group, index);
      expect(ledger.offered.get(index), where).toContain(text);
      const acknowledged = ledger.acknowledged.get(index);
      if (acknowledged !== undefined) expect(text, where).toBe(acknowledged);
      // What was found is part of the log from now on, as if it had been acknowledged.
      ledger.acknowledged.set(index, text);
    }
    ledger.raftTerm = log.hardState.raftTerm;
    ledger.raftTermOffered = Math.max(ledger.raftTermOffered, ledger.raftTerm);
    ledger.snapshotIndex = log.base.index;
  }
}

/** From disk and not from memory, so that positions are checked as well. */
async function textAt(store: LogStore, group: number, index: number): Promise<string> {
  const loaded = await store.load(group, index, index);
  if (loaded.kind !== "loaded") throw new Error(JSON.stringify(loaded));
  return new TextDecoder().decode(loaded.entries[0]!.bytes);
}

function ledgerOf(ledgers: Map<number, Ledger>, group: number): Ledger {
  let ledger = ledgers.get(group);
  if (ledger === undefined) {
    const acknowledged = new Map<number, string>();
    const offered = new Map<number, Set<string>>();
    ledger = { acknowledged, offered, raftTerm: 0, raftTermOffered: 0, snapshotIndex: 0 };
    ledgers.set(group, ledger);
  }
  return ledger;
}

function optionsOf(disk: MemoryDisk): Parameters<typeof openStore>[0] {
  const recoveryCacheBytesMax = 1_000;
  return { disk, clusterId: CLUSTER_ID, segmentBytes: SEGMENT_BYTES, recoveryCacheBytesMax };
}
