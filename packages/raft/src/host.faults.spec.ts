// SPDX-License-Identifier: Apache-2.0
/** A host whose disk is full, fails, is cut off, rots, or is somebody else's. */

import { createManualClock, createPrng } from "@conclave/base";
import { expect, test } from "vitest";
import { createMemoryDisk, type MemoryDisk, randomFate } from "./memory/index.ts";
import { advance, bytesOf, newHost, settle, started } from "./spec/lone-host.ts";

test("on a full disk proposals are refused, reads confirmed, the reserve serves, and room heals it", async () => {
  const clock = createManualClock();
  const disk = createMemoryDisk();
  const limits = { segmentBytes: 8192, entryBytesMax: 2048 };
  const node = await started(disk, 1, limits, undefined, clock);
  const { group } = node.members[0]!;
  disk.resize(0);
  let outcome = await group.propose(bytesOf("x".repeat(900)));
  for (let i = 0; i < 40 && outcome.kind === "applied"; i++) {
    outcome = await group.propose(bytesOf("x".repeat(900)));
    await settle();
  }

  expect(outcome).toEqual({ kind: "not-applied", reason: "no-space" });
  expect((await group.confirm()).kind).toBe("confirmed");
  expect((await group.propose(bytesOf("expiry"), { mayUseReserve: true })).kind).toBe("applied");

  disk.resize(1_000_000);
  await advance(clock, 1_000);
  expect((await group.propose(bytesOf("again"))).kind).toBe("applied");
});

test("a reserve that cannot be made for want of health, not of room, is no full disk: it is tried once more", async () => {
  for (const faults of [1, -1]) {
    const clock = createManualClock();
    const disk = createMemoryDisk();
    const limits = { segmentBytes: 4096, entryBytesMax: 1024 };
    const node = await started(disk, 1, limits, undefined, clock);
    const { group, failures } = node.members[0]!;
    disk.refuse("create", "io", faults);
    let outcome = await group.propose(bytesOf("x".repeat(900)));
    for (let i = 0; i < 40 && outcome.kind === "applied"; i++) {
      outcome = await group.propose(bytesOf("x".repeat(900)));
      await settle();
    }
    expect(outcome).toEqual({ kind: "not-applied", reason: "overloaded" });

    await advance(clock, 1_000);

    if (faults === 1) expect((await group.propose(bytesOf("y"))).kind).toBe("applied");
    expect(failures.map(({ kind }) => kind)).toEqual(faults === 1 ? [] : ["disk-failed"]);
  }
});

test("under load that never pauses the mark is made durable all the same, so that rot is told", async () => {
  const clock = createManualClock();
  const disk = createMemoryDisk();
  const node = await started(disk, 1, {}, undefined, clock);
  for (let i = 0; i < 160; i++) {
    void node.members[0]!.group.propose(bytesOf("x".repeat(100)));
    await advance(clock, 40);
  }
  const after = disk.crash({ kind: "lose-all" });
  // In a record of the first five seconds, which no restart of the process has restated.
  after.flipBit("log-0000000001", 5_000, 1);

  expect(await newHost(after, 1).host.start()).toMatchObject({ reason: "damaged" });
});

test("a host that is killed two beats after its last write tells rot in it", async () => {
  const clock = createManualClock();
  const disk = createMemoryDisk();
  const node = await started(disk, 1, {}, undefined, clock);
  node.loop.start();
  // The first write after a rest has the mark synced at once; what is asked for is the one after it.
  for (const text of ["the first", "the last"]) {
    void node.members[0]!.group.propose(bytesOf(text));
    await advance(clock, 50);
  }

  const after = disk.kill();
  after.flipBit("log-0000000001", await placeOf(after, "the last"), 1);

  expect(await newHost(after, 1).host.start()).toMatchObject({ reason: "damaged" });
});

test("a disk that fails twice ends every group; what was in the log is unknown", async () => {
  const disk = createMemoryDisk();
  const node = await started(disk, 2);
  disk.refuse("datasync", "io", -1);

  expect(await node.members[0]!.group.propose(bytesOf("x"))).toEqual({ kind: "unknown" });

  expect(node.members.map(({ failures }) => failures.length)).toEqual([1, 1]);
  expect(await node.members[1]!.group.propose(bytesOf("x"))).toEqual({
    kind: "not-applied",
    reason: "stopped",
  });
  expect(await node.members[1]!.group.confirm()).toMatchObject({ reason: "stopped" });
  disk.heal();
  await node.host.stop();
});

test("one failed sync is survived: the proposal is applied and found again after a power cut", async () => {
  const disk = createMemoryDisk();
  const node = await started(disk, 1);
  disk.refuse("datasync", "io", 1);

  expect((await node.members[0]!.group.propose(bytesOf("x"))).kind).toBe("applied");

  const second = await started(disk.crash({ kind: "lose-all" }), 1);
  expect(second.members[0]!.log).toEqual(["x"]);
});

test("a cut at any operation loses no applied proposal and delivers none that was not made", async () => {
  const limits = { segmentBytes: 4096, entryBytesMax: 1024, snapshotEveryEntries: 4 };
  for (let operation = 30; operation < 90; operation += 1) {
    const disk = createMemoryDisk();
    const node = await started(disk, 1, limits);
    disk.cutAt(operation, 100);
    const made: string[] = [];
    const applied: string[] = [];
    const work = (async () => {
      for (let i = 1; i <= 12; i++) {
        const text = `${i}/`.padEnd(400, "x");
        made.push(text);
        const outcome = await node.members[0]!.group.propose(bytesOf(text));
        if (outcome.kind === "applied") applied.push(text);
      }
    })();
    await Promise.race([work, disk.cut]);

    const after = disk.crash(randomFate(createPrng(BigInt(operation))));
    const { log } = (await started(after, 1, limits)).members[0]!;

    expect(made.slice(0, log.length), `cut at ${operation}`).toEqual(log);
    expect(log.slice(0, applied.length), `cut at ${operation}`).toEqual(applied);
  }
});

test("a start is refused by name: locked, foreign groups, damaged", async () => {
  const disk = createMemoryDisk();
  const node = await started(disk, 2);
  await node.members[0]!.group.propose(bytesOf("x"));
  expect(await newHost(disk, 2).host.start()).toMatchObject({ reason: "locked" });
  await node.host.stop();

  expect(await newHost(disk, 1).host.start()).toMatchObject({ reason: "foreign" });
  disk.flipBit("log-0000000001", 90, 1);
  expect(await newHost(disk, 2).host.start()).toMatchObject({ reason: "damaged" });
});

/** Where the first log file holds this text. */
async function placeOf(disk: MemoryDisk, text: string): Promise<number> {
  const name = "log-0000000001";
  const opened = await disk.open(name);
  if (opened.kind === "fault") throw new Error(opened.detail);
  const read = await opened.value.read(0, disk.files().get(name)!);
  if (read.kind === "fault") throw new Error(read.detail);
  const place = new TextDecoder("latin1").decode(read.value).indexOf(text);
  if (place < 0) throw new Error("the text is not in the log");
  return place;
}
