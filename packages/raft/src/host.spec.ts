// SPDX-License-Identifier: Apache-2.0
/** Groups of one member on one store: on virtual time and a disk that does as it is told. */

import { createManualClock } from "@conclave/base";
import { expect, test } from "vitest";
import { createMemoryDisk } from "./memory/index.ts";
import { advance, bytesOf, newHost, settle, started } from "./spec/lone-host.ts";

test("a group of one elects itself and says so only when its own entry is applied", async () => {
  const node = await started(createMemoryDisk(), 1);
  const [member] = node.members;

  expect(member!.group.role).toEqual({ kind: "leader", raftTerm: 1 });
  expect(member!.roles.map((role) => role.kind)).toEqual(["follower", "leader"]);
  expect(member!.group.appliedIndex).toBe(1);
});

test("a proposal is answered after the listener has seen it, in log order", async () => {
  const { members } = await started(createMemoryDisk(), 1);
  const { group, log } = members[0]!;

  const outcomes = await Promise.all(["a", "b", "c"].map((text) => group.propose(bytesOf(text))));

  expect(outcomes).toEqual([2, 3, 4].map((index) => ({ kind: "applied", index })));
  expect(log).toEqual(["a", "b", "c"]);
});

test("while somebody holds a group's state nothing is applied to it; all of it when both have let go", async () => {
  const { members } = await started(createMemoryDisk(), 1);
  const { group, log } = members[0]!;
  const [first, second] = [group.hold(), group.hold()];

  const proposed = group.propose(bytesOf("a"));
  await settle();
  first();
  first();
  await settle();
  expect([log, group.appliedIndex]).toEqual([[], 1]);

  second();
  expect(await proposed).toEqual({ kind: "applied", index: 2 });
  expect(log).toEqual(["a"]);
});

test("all groups' proposals of a turn cost one write and one sync", async () => {
  const syncs: number[] = [];
  const node = await started(createMemoryDisk(), 8, {}, (records) => syncs.push(records));
  syncs.length = 0;

  await Promise.all(node.members.map(({ group }) => group.propose(bytesOf("x"))));

  expect(syncs).toEqual([8]);
});

test("what arrives while a sync is under way goes together into the next one", async () => {
  const clock = createManualClock();
  const disk = createMemoryDisk({ sync: { clock, durationMs: 5 } });
  const syncs: number[] = [];
  const node = await started(disk, 1, {}, (records) => syncs.push(records), clock);
  syncs.length = 0;
  const { group } = node.members[0]!;
  const first = group.propose(bytesOf("1"));
  await settle();

  const rest = ["2", "3", "4"].map((text) => group.propose(bytesOf(text)));
  await settle();
  expect(node.members[0]!.log).toEqual([]);
  await advance(clock, 10);

  expect((await first).kind).toBe("applied");
  await Promise.all(rest);
  expect(syncs).toEqual([1, 3]);
});

test("a restart gives back what was acknowledged, once and in order, under a new raftTerm", async () => {
  const disk = createMemoryDisk();
  const first = await started(disk, 2);
  await first.members[1]!.group.propose(bytesOf("a"));
  await first.members[1]!.group.propose(bytesOf("b"));

  const second = await started(disk.crash({ kind: "lose-all" }), 2);

  expect(second.members[0]!.log).toEqual([]);
  expect(second.members[1]!.log).toEqual(["a", "b"]);
  expect(second.members[1]!.group.role).toEqual({ kind: "leader", raftTerm: 2 });
});

test("a long log is compacted by a snapshot, from which a restart begins", async () => {
  const disk = createMemoryDisk();
  const limits = { snapshotEveryEntries: 10, segmentBytes: 4096, entryBytesMax: 1024 };
  const first = await started(disk, 1, limits);
  for (let i = 1; i <= 150; i++) {
    await first.members[0]!.group.propose(bytesOf(`${i}`.padEnd(300)));
    await settle();
  }
  await first.host.stop();
  const logs = [...disk.files().keys()].filter((name) => name.startsWith("log-"));
  expect(logs.length).toBeLessThan(10);

  const second = await started(disk, 1, limits);

  expect(second.members[0]!.log.map((text) => text.trim())).toEqual(
    Array.from({ length: 150 }, (_, i) => `${i + 1}`),
  );
  expect(second.members[0]!.restoredAt).toBeGreaterThan(130);
});

test("a log larger than the memory kept for it is read back from disk at the start", async () => {
  const disk = createMemoryDisk();
  const limits = { segmentBytes: 16_384, entryBytesMax: 4096, recoveryCacheBytesMax: 5_000 };
  const first = await started(disk, 2, limits);
  const large = new Uint8Array(1_500).fill(65);
  for (let i = 0; i < 70; i++) await first.members[i % 2]!.group.propose(large);
  await first.host.stop();

  const second = await started(disk, 2, limits);
  for (let i = 0; i < 200; i++) await settle();

  expect(second.members.map(({ log }) => log.length)).toEqual([35, 35]);
});

test("a raftTerm that is not the current one, and an entry too large, are refused by name", async () => {
  const { members } = await started(createMemoryDisk(), 1);
  const { group } = members[0]!;

  expect(await group.propose(bytesOf("x"), { raftTerm: 7 })).toEqual({
    kind: "not-applied",
    reason: "raft-term-changed",
  });
  expect(await group.propose(new Uint8Array(3_000_000))).toEqual({
    kind: "not-applied",
    reason: "too-large",
  });
});

test("proposals above the bound of uncommitted entries are refused, not queued", async () => {
  const clock = createManualClock();
  const disk = createMemoryDisk({ sync: { clock, durationMs: 5 } });
  const node = await started(disk, 1, { uncommittedEntriesMax: 3 }, undefined, clock);
  const { group } = node.members[0]!;

  const outcomes = ["1", "2", "3", "4", "5"].map((text) => group.propose(bytesOf(text)));
  await advance(clock, 10);

  expect((await Promise.all(outcomes)).map((outcome) => outcome.kind)).toEqual([
    ...["applied", "applied", "applied", "not-applied", "not-applied"],
  ]);
});

test("a log file that fills up, and is followed by the next, refuses no proposal meanwhile", async () => {
  const clock = createManualClock();
  const disk = createMemoryDisk({ sync: { clock, durationMs: 5 } });
  const limits = { segmentBytes: 4096, entryBytesMax: 1024 };
  const { members } = await started(disk, 1, limits, undefined, clock);
  const outcomes: Promise<{ readonly kind: string }>[] = [];

  for (let i = 0; i < 60; i++) {
    outcomes.push(members[0]!.group.propose(bytesOf("x".repeat(100))));
    await advance(clock, 2);
  }
  await advance(clock, 100);

  expect((await Promise.all(outcomes)).filter(({ kind }) => kind !== "applied")).toEqual([]);
});

test("a read is confirmed at the commit index, while a sync stands still", async () => {
  const clock = createManualClock();
  const disk = createMemoryDisk({ sync: { clock, durationMs: 10_000 } });
  const node = await started(disk, 1, {}, undefined, clock);
  const { group } = node.members[0]!;
  void group.propose(bytesOf("slow"));
  await settle();

  expect(await group.confirm()).toEqual({ kind: "confirmed", index: 1, raftTerm: 1 });
});

test("a host that is stopped while it starts is stopped when both have ended", async () => {
  const disk = createMemoryDisk();
  const { host } = newHost(disk, 1);
  const starting = host.start();

  await host.stop();

  expect(await starting).toEqual({ kind: "started" });
  expect((await newHost(disk, 1).host.start()).kind).toBe("started");
});

test("refused proposals take no room from later ones", async () => {
  const limits = { segmentBytes: 8192, entryBytesMax: 2048 };
  const { group } = (await started(createMemoryDisk(), 1, limits)).members[0]!;
  const large = new Uint8Array(2_000);
  for (let i = 0; i < 20; i++) await group.propose(large, { raftTerm: 7 });

  expect((await group.propose(large)).kind).toBe("applied");
});

test("stop finishes what was proposed, leaves no timer, and gives the directory back", async () => {
  const clock = createManualClock();
  const disk = createMemoryDisk();
  const node = await started(disk, 1, {}, undefined, clock);
  const proposed = node.members[0]!.group.propose(bytesOf("last"));

  await node.host.stop();

  expect((await proposed).kind).toBe("applied");
  expect(clock.pendingTimers).toBe(0);
  expect((await newHost(disk, 1).host.start()).kind).toBe("started");
});
