// SPDX-License-Identifier: Apache-2.0
/** Backups: all of what was acknowledged is in them, and nothing that is damaged passes for one. */
import { createManualClock } from "@conclave/base";
import { apply, createPartition, type PartitionState, stateHash } from "@conclave/fsm";
import { describe, expect, test } from "vitest";
import { checkBackup, readStates, takeBackup } from "./backup.ts";
import { BackupWriter } from "./backup-format.ts";
import type { RoundMember } from "./confirm-rounds.ts";

const clusterId = new Uint8Array(32).fill(3);
const KEY = { kind: "election", namespace: "default", name: "orders" } as const;

function stateWith(...candidates: string[]): PartitionState {
  const state = createPartition();
  const opening = { kind: "open-session", sessionId: 7n, ttlMs: 10_000, graceMs: 0 } as const;
  apply(state, { timeMs: 5, commands: [{ ...opening, labels: new Map() }] });
  for (const [i, candidate] of candidates.entries()) {
    const id = { sessionId: 7n, number: i + 1, acknowledged: 0 };
    const enter = {
      kind: "enter",
      key: KEY,
      candidate,
      metadata: new Map(),
      takeover: false,
    } as const;
    apply(state, { timeMs: 5, commands: [{ ...enter, id }] });
  }
  return state;
}

const clock = createManualClock();

const partition = (number: number, state: PartitionState) => ({
  partition: {
    number,
    state,
    barrier: (member: RoundMember) => member.settle({ kind: "passed", raftTerm: 1, index: 1 }),
  },
  log: { hold: () => () => {} },
});

const STATES = [stateWith("a", "b"), createPartition(), stateWith()];

async function backup(partitions = STATES.map((state, i) => partition(i + 1, state))) {
  const header = { clusterId, partitionCount: 3, savedMs: 1_700_000_000_000 };
  const bytes: number[] = [];
  for await (const part of takeBackup(partitions, header, () => 0, clock)) {
    if (!(part instanceof Uint8Array)) return part;
    bytes.push(...part);
  }
  return Uint8Array.from(bytes);
}

async function fileOf(): Promise<Uint8Array> {
  const file = await backup();
  if (!(file instanceof Uint8Array)) throw new Error(file.reason);
  return file;
}

/** In pieces of `size`, as a file or a stream comes. */
async function* inPieces(bytes: Uint8Array, size = 1_000) {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

test.each([1, 7, 1_000, 1_000_000])(
  "what was saved is read back, in pieces of %i",
  async (size) => {
    const file = await fileOf();
    const hashes: bigint[] = [];
    for await (const item of readStates(inPieces(file, size))) {
      if (item.kind === "state") hashes.push(stateHash(item.state));
      else expect(item).toMatchObject({ kind: "whole", header: { clusterId, partitionCount: 3 } });
    }
    expect(hashes).toEqual(STATES.map(stateHash));
  },
);

test("a check tells what is in it, and the checksum that the file ends with", async () => {
  const file = await fileOf();
  expect(await checkBackup(inPieces(file))).toEqual({
    kind: "sound",
    clusterId,
    partitionCount: 3,
    savedMs: 1_700_000_000_000,
    digest: file.subarray(-32),
    partitions: [
      { partition: 1, revision: 2n, elections: 1, led: 1, candidates: 2, sessions: 1 },
      { partition: 2, revision: 0n, elections: 0, led: 0, candidates: 0, sessions: 0 },
      { partition: 3, revision: 0n, elections: 0, led: 0, candidates: 0, sessions: 1 },
    ],
  });
});

test("equal states saved at one time make equal files", async () => {
  expect(await fileOf()).toEqual(await fileOf());
});

test("no backup without a quorum: it ends with which partition had none", async () => {
  const { partition: sound, log } = partition(2, createPartition());
  const barrier = (member: RoundMember) => member.settle({ kind: "failed", reason: "no-leader" });
  const cutOff = { partition: { ...sound, barrier }, log };
  const refusal = await backup([partition(1, STATES[0]!), cutOff, partition(3, STATES[2]!)]);
  expect(refusal).toEqual({ kind: "failed", reason: "no-leader", partition: 2 });
});

test("the state is that of the moment in which the round passed, however slowly it is read", async () => {
  const state = stateWith("a");
  const hash = stateHash(state);
  const header = { clusterId, partitionCount: 1, savedMs: 0 };
  const bytes: number[] = [];
  for await (const part of takeBackup([partition(1, state)], header, () => 0, clock)) {
    if (!(part instanceof Uint8Array)) throw new Error(part.reason);
    bytes.push(...part);
    if (bytes.length > 150) apply(state, { timeMs: 9, commands: [] });
  }
  const read = [];
  for await (const item of readStates(inPieces(Uint8Array.from(bytes)))) read.push(item);
  expect(read[0]?.kind === "state" && stateHash(read[0].state)).toBe(hash);
});

test("a large state is walked in slices, and held still until the walk is over", async () => {
  const state = stateWith("a");
  for (let i = 0; i < 3_000; i++) {
    const key = { ...KEY, name: `${i}`.padStart(200, "x") };
    const enter = { kind: "enter", key, candidate: "a", metadata: new Map() } as const;
    const id = { sessionId: 7n, number: i + 2, acknowledged: i + 1 };
    apply(state, { timeMs: 5, commands: [{ ...enter, takeover: false, id }] });
  }
  const moments: string[] = [];
  let nowMs = 0;
  const slow = {
    ...clock,
    // Every look at the clock is 1 ms later: about one for each chunk of the walk.
    monotonicMs: () => ++nowMs,
    setTimer(_delayMs: number, fire: () => void) {
      moments.push("rest");
      queueMicrotask(fire);
      return () => {};
    },
  };
  const held = {
    ...partition(1, state),
    log: {
      hold() {
        moments.push("hold");
        return () => moments.push("release");
      },
    },
  };
  const header = { clusterId, partitionCount: 1, savedMs: 0 };
  for await (const part of takeBackup([held], header, () => 0, slow)) void part;

  expect(moments.length).toBeGreaterThan(6);
  expect([moments[0], moments.at(-1)]).toEqual(["hold", "release"]);
  expect(new Set(moments.slice(1, -1))).toEqual(new Set(["rest"]));
});

describe("damage is found", () => {
  test("a bit that flips anywhere", async () => {
    const file = await fileOf();
    for (let at = 0; at < file.length; at++) {
      const flipped = file.slice();
      flipped[at]! ^= 1 << (at % 8);
      const check = await checkBackup(inPieces(flipped));
      expect(["damaged", "newer"]).toContain(check.kind);
    }
  });

  test("a file that was cut anywhere", async () => {
    const file = await fileOf();
    for (let end = 0; end < file.length; end++) {
      expect((await checkBackup(inPieces(file.subarray(0, end)))).kind).toBe("damaged");
    }
  });

  test("something behind the end", async () => {
    const file = await fileOf();
    expect(await checkBackup(inPieces(Uint8Array.of(...file, 0)))).toMatchObject({
      kind: "damaged",
    });
  });

  test("a partition that is missing, though every checksum is right", async () => {
    const writer = new BackupWriter();
    const parts = [writer.begin({ clusterId, partitionCount: 2, savedMs: 0 })];
    parts.push(writer.partition(2, 0n), writer.end());
    const file = Uint8Array.from(parts.flatMap((part) => [...part]));
    expect(await checkBackup(inPieces(file))).toEqual({
      kind: "damaged",
      detail: "partition 1 is missing",
    });
  });

  test("a later format is refused by name", async () => {
    const file = await fileOf();
    file[19] = 2;
    expect(await checkBackup(inPieces(file))).toEqual({
      kind: "newer",
      detail: "it has format 2; this version reads 1",
    });
  });
});
