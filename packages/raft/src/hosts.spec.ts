// SPDX-License-Identifier: Apache-2.0
/** Hosts of several replicas: on virtual time, memory disks and a memory network. */

import { expect, test } from "vitest";
import type { ProposeOutcome } from "./group.ts";
import { replicaIdOf } from "./ids.ts";
import { createMemoryDisk } from "./memory/index.ts";
import { bytesOf, FIRST, type Member, MemoryCluster, settle } from "./spec/memory-cluster.ts";

test("three members elect one leader, of whom all know", async () => {
  const cluster = new MemoryCluster();
  await cluster.startAll();

  const roles = [...cluster.members.values()].map(({ machines }) => machines[0]!.group.role);

  const [leader] = roles.filter(({ kind }) => kind === "leader");
  const node = FIRST.indexOf(cluster.leader()!.replica) + 1;
  expect(leader).toBeDefined();
  for (const role of roles) {
    expect(role.raftTerm).toBe(leader!.raftTerm);
    if (role.kind === "follower") expect(role.leader).toBe(node);
  }
});

test("what is proposed is applied by all, in one order, and answered once", async () => {
  const cluster = new MemoryCluster();
  await cluster.startAll();
  const { group } = machineOf(cluster.leader());

  const proposed = ["a", "b", "c"].map((text) => group.propose(bytesOf(text)));
  await cluster.advance(200);

  expect((await Promise.all(proposed)).map(({ kind }) => kind)).toEqual(Array(3).fill("applied"));
  for (const member of cluster.members.values()) {
    expect([...machineOf(member).log.values()]).toEqual(["a", "b", "c"]);
  }
});

test("two of three go on without the third, which catches up when it comes back", async () => {
  const cluster = new MemoryCluster();
  await cluster.startAll();
  const [gone] = cluster.followers();
  const disk = cluster.crash(gone!.replica, { kind: "lose-all" });

  expect((await proposed(cluster, "a")).kind).toBe("applied");
  const back = await cluster.start(gone!.replica, { disk });
  await cluster.until("the third has it", () => machineOf(back).log.size === 1);

  expect([...machineOf(back).log.values()]).toEqual(["a"]);
});

test("when the leader is gone, another one leads within two election timeouts and loses nothing", async () => {
  const cluster = new MemoryCluster();
  await cluster.startAll();
  expect((await proposed(cluster, "a")).kind).toBe("applied");
  const former = cluster.leader()!;
  cluster.crash(former.replica, { kind: "lose-all" });

  await cluster.advance(1_200);

  const leader = cluster.leader();
  expect(leader).toBeDefined();
  expect([...machineOf(leader).log.values()]).toEqual(["a"]);
  expect((await proposed(cluster, "b")).kind).toBe("applied");
});

test("a leader that is cut off leads no more, and what it had proposed is unknown or replaced", async () => {
  const cluster = new MemoryCluster();
  await cluster.startAll();
  const former = cluster.leader()!;
  cluster.isolate(former.replica);
  const lost = machineOf(former).group.propose(bytesOf("lost"));

  await cluster.advance(2_000);
  expect(machineOf(former).group.role.kind).toBe("follower");
  expect(await lost).toEqual({ kind: "unknown" });
  expect((await proposed(cluster, "kept")).kind).toBe("applied");
  cluster.network.heal();
  await cluster.until("the former leader has it", () => machineOf(former).log.size === 1);

  expect([...machineOf(former).log.values()]).toEqual(["kept"]);
});

test("a read is confirmed by a majority's round, and not where there is none", async () => {
  const cluster = new MemoryCluster();
  await cluster.startAll();
  const leader = cluster.leader()!;
  const { group } = machineOf(leader);

  const confirmed = group.confirm();
  await cluster.advance(100);
  expect(await confirmed).toMatchObject({ kind: "confirmed" });

  cluster.isolate(leader.replica);
  const open = group.confirm();
  await cluster.advance(1_000);
  expect(await open).toEqual({ kind: "not-confirmed", reason: "not-leader" });
});

test("a leadership that is handed over is held by the node that was named", async () => {
  const cluster = new MemoryCluster();
  await cluster.startAll();
  const [target] = cluster.followers();

  machineOf(cluster.leader()).group.transfer(FIRST.indexOf(target!.replica) + 1);
  await cluster.advance(200);

  expect(machineOf(target).group.role.kind).toBe("leader");
});

test("a follower whose entries are gone from the leader's log is brought up by a snapshot", async () => {
  const limits = { segmentBytes: 4096, entryBytesMax: 1024, snapshotEveryEntries: 20 };
  const ballast = new Uint8Array(700_000).fill(32);
  const cluster = new MemoryCluster({ limits, ballast });
  await cluster.startAll();
  const [gone] = cluster.followers();
  const disk = cluster.crash(gone!.replica, { kind: "lose-all" });
  for (let i = 0; i < 100; i++) await proposed(cluster, `${i}`.padEnd(400));

  const back = await cluster.start(gone!.replica, { disk });
  await cluster.until("it has all", () => machineOf(back).log.size === 100);
  expect(machineOf(back).restores).toBe(1);
  expect((await proposed(cluster, "after")).kind).toBe("applied");
  await cluster.until("and what came after", () => machineOf(back).log.size === 101);

  const again = cluster.crash(back.replica, { kind: "lose-all" });
  const third = await cluster.start(back.replica, { disk: again });
  await cluster.until("and after a restart", () => machineOf(third).log.size === 101);
  expect([...machineOf(third).log]).toEqual([...machineOf(cluster.leader()).log]);
});

test("a snapshot that is longer on its way than two are apart arrives all the same", async () => {
  const limits = { segmentBytes: 16_384, entryBytesMax: 4_096, snapshotEveryEntries: 30 };
  const cluster = new MemoryCluster({ limits, ballast: new Uint8Array(2_500_000).fill(32) });
  await cluster.startAll();
  const [gone] = cluster.followers();
  const disk = cluster.crash(gone!.replica, { kind: "lose-all" });
  const { group } = machineOf(cluster.leader());
  for (let i = 0; i < 120; i++) {
    void group.propose(bytesOf(`${i}`.padEnd(2_000)));
    if (i % 10 === 9) await cluster.advance(50, 5);
  }
  cluster.network.setFaults({ delayMs: { min: 40, max: 40 } });

  const back = await cluster.start(gone!.replica, { disk });
  for (let i = 0; i < 200 && machineOf(back).restores === 0; i++) {
    for (let j = 0; j < 3; j++) void group.propose(bytesOf("more"));
    await cluster.advance(10, 5);
  }

  expect(machineOf(back).restores).toBe(1);
});

test("a deposed leader whose log disagrees with the snapshot that it is sent keeps nothing of it", async () => {
  const limits = { segmentBytes: 4096, entryBytesMax: 1024, snapshotEveryEntries: 20 };
  const cluster = new MemoryCluster({ limits });
  await cluster.startAll();
  const deposed = cluster.leader()!;
  cluster.isolate(deposed.replica);
  for (let i = 0; i < 150; i++) {
    void machineOf(deposed).group.propose(bytesOf(`void ${i}`));
    await settle();
  }
  expect(machineOf(deposed).group.status().lastIndex).toBeGreaterThan(145);
  await cluster.until("another leads", () => cluster.leader() !== deposed);
  for (let i = 0; i < 120; i++) await proposed(cluster, `${i}`.padEnd(400));

  cluster.network.heal();
  await cluster.until("it has all", () => machineOf(deposed).log.size === 120);
  expect(machineOf(deposed).restores).toBe(1);
  await proposed(cluster, "after");
  await cluster.advance(200);
  const disk = cluster.crash(deposed.replica, { kind: "lose-all" });
  const back = await cluster.start(deposed.replica, { disk });
  await cluster.until("and after a restart", () => machineOf(back).log.size === 121);

  expect([...machineOf(back).log]).toEqual([...machineOf(cluster.leader()).log]);
});

test("while a snapshot is taken its group's commits wait, those of other groups do not", async () => {
  const limits = { snapshotEveryEntries: 5 };
  const cluster = new MemoryCluster({ limits, groups: 2, ballast: new Uint8Array(1_000_000) });
  const { machines } = await cluster.start(FIRST[0]!, { bootstrap: [FIRST[0]!] });
  await cluster.advance(200);
  const [walked, other] = machines;
  for (let i = 0; i < 4; i++) void walked!.group.propose(bytesOf(`${i}`));
  await settle();
  expect(walked!.log.size).toBe(4);

  void walked!.group.propose(bytesOf("waits"));
  void other!.group.propose(bytesOf("goes on"));
  await settle();
  expect([walked!.log.size, other!.log.size]).toEqual([4, 1]);

  await cluster.advance(10);
  expect(walked!.log.size).toBe(5);
  const names = [...cluster.members.values()].flatMap(({ disk }) => [...disk.files().keys()]);
  expect(names).toContain("snapshot-1-5");
});

test("a new member is brought up as a learner and then votes", async () => {
  const cluster = new MemoryCluster();
  await cluster.startAll();
  await proposed(cluster, "a");
  const fourth = replicaIdOf(4, 77);
  const added = await cluster.start(fourth, { bootstrap: [] });

  expect(await change(cluster, FIRST, [fourth])).toMatchObject({ kind: "begun" });
  await cluster.until("it has the log", () => machineOf(added).log.size === 1);
  await cluster.advance(200);
  expect(await change(cluster, [...FIRST, fourth], [])).toMatchObject({ kind: "begun" });
  await cluster.advance(500);

  const { configuration, peers } = machineOf(cluster.leader()).group.status();
  expect([...configuration.voters].sort()).toEqual([...FIRST, fourth].sort());
  expect(configuration.outgoing).toEqual([]);
  expect(peers.find(({ replica }) => replica === fourth)).toMatchObject({
    isLearner: false,
    isActive: true,
    state: "replicate",
  });
});

test("schedule K: a wiped voter is nobody under its old name, and comes back as a new replica", async () => {
  const cluster = new MemoryCluster();
  await cluster.startAll();
  await proposed(cluster, "a");
  const [wiped] = cluster.followers();
  cluster.crash(wiped!.replica, { kind: "lose-all" });
  const reborn = replicaIdOf(FIRST.indexOf(wiped!.replica) + 1, 12_345);
  const added = await cluster.start(reborn, { bootstrap: [], disk: createMemoryDisk() });
  await cluster.advance(3_000);
  expect(machineOf(added).group.role).toMatchObject({ kind: "follower", leader: undefined });

  const voters = FIRST.filter((replica) => replica !== wiped!.replica);
  expect(await change(cluster, FIRST, [reborn])).toMatchObject({ kind: "begun" });
  await cluster.until("it has the log", () => machineOf(added).log.size === 1);
  await cluster.advance(200);
  expect(await change(cluster, [...voters, reborn], [])).toMatchObject({ kind: "begun" });
  await cluster.advance(500);

  expect(machineOf(added).group.status().configuration.voters).toContain(reborn);
  expect((await proposed(cluster, "b")).kind).toBe("applied");
});

test("schedule J: heartbeats of 200 groups to one replica travel in one frame for each beat", async () => {
  let frames = 0;
  let messages = 0;
  const cluster = new MemoryCluster({
    groups: 200,
    transport: (_, inner) => ({
      send: (to, group) => {
        frames += 1;
        messages += group.length;
        inner.send(to, group);
      },
    }),
  });
  await cluster.startAll();
  await cluster.advance(1_000);
  frames = 0;
  messages = 0;

  await cluster.advance(1_000);

  // Three nodes lead some groups each: a frame of heartbeats and one of answers for each path and beat.
  expect(messages).toBeGreaterThan(200 * 20 * 2);
  expect(frames).toBeLessThanOrEqual(3 * 2 * 2 * 41);
});

test("a leader whose disk is full hands over to a member that has room", async () => {
  const limits = { segmentBytes: 8192, entryBytesMax: 2048 };
  const cluster = new MemoryCluster({ limits });
  await cluster.startAll();
  const full = cluster.leader()!;
  full.disk.resize(0);
  let outcome: ProposeOutcome = { kind: "unknown" };
  for (let i = 0; i < 40; i++) {
    outcome = await proposed(cluster, "x".repeat(900));
    if (outcome.kind !== "applied") break;
  }

  await cluster.until("another leads", () => {
    const leader = cluster.leader();
    return leader !== undefined && leader !== full;
  });
  expect((await proposed(cluster, "on")).kind).toBe("applied");
  full.disk.resize(10_000_000);
  const { log } = machineOf(cluster.leader());
  await cluster.until("the full one catches up", () => machineOf(full).log.size === log.size);
});

test("a leader whose sync hangs hands over, since its heartbeats go on", async () => {
  const cluster = new MemoryCluster();
  await cluster.startAll();
  const slow = cluster.leader()!;
  const release = slow.disk.hangSyncs();
  const open = machineOf(slow).group.propose(bytesOf("x"));

  await cluster.until("another leads", () => {
    const leader = cluster.leader();
    return leader !== undefined && leader !== slow;
  });
  release();
  await cluster.advance(1_000);

  expect(await open).toMatchObject({ kind: "applied" });
});

function machineOf(member: Member | undefined): Member["machines"][number] {
  if (member === undefined) throw new Error("there is no such member");
  return member.machines[0]!;
}

/** Proposes to whoever leads, and lets time pass until it is answered. */
async function proposed(cluster: MemoryCluster, text: string): Promise<ProposeOutcome> {
  await cluster.until("there is a leader", () => cluster.leader() !== undefined);
  return answered(cluster, machineOf(cluster.leader()).group.propose(bytesOf(text)));
}

function change(
  cluster: MemoryCluster,
  voters: readonly number[],
  learners: readonly number[],
): Promise<{ readonly kind: string }> {
  const { group } = machineOf(cluster.leader());
  return answered(cluster, group.changeConfiguration(voters, learners));
}

async function answered<T>(cluster: MemoryCluster, open: Promise<T>): Promise<T> {
  let isAnswered = false;
  void open.then(() => {
    isAnswered = true;
  });
  await cluster.until("it is answered", () => isAnswered);
  return open;
}
