// SPDX-License-Identifier: Apache-2.0
/**
 * Members that are wiped one after the other and come back as new replicas, under load and on a bad
 * network: the group replaces each without losing what was acknowledged.
 */

import { createPrng, type Prng } from "@conclave/base";
import { expect, test } from "vitest";
import { nodeOf, type ReplicaId, replicaIdOf } from "./ids.ts";
import { bytesOf, FIRST, type Member, MemoryCluster } from "./spec/memory-cluster.ts";

const SEEDS = 12;
const WIPES = 4;
const LIMITS = {
  segmentBytes: 4096,
  entryBytesMax: 1024,
  snapshotEveryEntries: 15,
  cacheBytesMax: 2_000,
};

test("whoever is wiped is replaced by its successor, and every acknowledged entry survives", async () => {
  let restores = 0;
  for (let seed = 0; seed < SEEDS; seed++) restores += await play(BigInt(seed));

  // Or no snapshot had to be sent, and the run would prove little.
  expect(restores).toBeGreaterThan(SEEDS);
}, 120_000);

/** Returns how many snapshots were installed. */
async function play(seed: bigint): Promise<number> {
  const prng = createPrng(seed).child("wipes");
  const cluster = new MemoryCluster({ seed, limits: LIMITS });
  const applied = new Map<number, string>();
  await cluster.startAll();
  cluster.network.setFaults({ delayMs: { min: 1, max: 10 }, lostPermille: 20 });
  let voters: readonly ReplicaId[] = FIRST;
  for (let wipe = 1; wipe <= WIPES; wipe++) {
    for (let i = 0; i < 30; i++) {
      propose(cluster, prng, applied);
      await cluster.advance(5 * prng.below(6), 5);
    }
    const old = voters[prng.below(3)]!;
    cluster.crash(old, { kind: "lose-all" });
    const successor = replicaIdOf(nodeOf(old), wipe);
    await cluster.start(successor, { bootstrap: [] });
    voters = voters.map((voter) => (voter === old ? successor : voter));
    await replace(cluster, voters, successor, () => propose(cluster, prng, applied));
  }
  cluster.network.setFaults({});
  const where = `seed ${seed}`;
  await cluster.until(`${where}: all have applied the same`, () => isSettled(cluster));

  let restores = 0;
  const expected = [...machineOf(cluster.leader()).log];
  for (const member of cluster.members.values()) {
    const machine = machineOf(member);
    restores += machine.restores;
    expect([...machine.log], where).toEqual(expected);
    expect([...machine.group.status().configuration.voters].sort(), where).toEqual(
      [...voters].sort(),
    );
  }
  for (const [index, text] of applied) {
    expect(machineOf(cluster.leader()).log.get(index), where).toBe(text);
  }
  return restores;
}

/** Does as the care of membership does: a learner first, a voter in the place of the old one then. */
async function replace(
  cluster: MemoryCluster,
  voters: readonly ReplicaId[],
  successor: ReplicaId,
  work: () => void,
): Promise<void> {
  const isDone = (): boolean => {
    const leader = cluster.leader();
    if (leader === undefined) return false;
    const { configuration, commitIndex, appliedIndex } = machineOf(leader).group.status();
    const isWished = voters.every((voter) => configuration.voters.includes(voter));
    return isWished && configuration.outgoing.length === 0 && appliedIndex === commitIndex;
  };
  for (let attempt = 0; attempt < 200 && !isDone(); attempt++) {
    work();
    const leader = cluster.leader();
    if (leader !== undefined) ask(leader, voters, successor);
    await cluster.advance(50, 5);
  }
  expect(isDone()).toBe(true);
}

function ask(leader: Member, voters: readonly ReplicaId[], successor: ReplicaId): void {
  const { group } = machineOf(leader);
  const { configuration, peers, lastIndex } = group.status();
  if (configuration.voters.includes(successor)) return;
  const peer = peers.find(({ replica }) => replica === successor);
  const isCaughtUp = peer?.isActive === true && peer.matchIndex >= lastIndex - 5;
  void (configuration.learners.includes(successor) && isCaughtUp
    ? group.changeConfiguration(voters, [])
    : group.changeConfiguration(configuration.voters, [successor]));
}

function propose(cluster: MemoryCluster, prng: Prng, applied: Map<number, string>): void {
  const leader = cluster.leader();
  if (leader === undefined) return;
  const text = `${prng.nextUint32()}/`.padEnd(400, "x");
  void machineOf(leader)
    .group.propose(bytesOf(text))
    .then((outcome) => {
      if (outcome.kind === "applied") applied.set(outcome.index, text);
    });
}

function isSettled(cluster: MemoryCluster): boolean {
  const statuses = [...cluster.members.values()].map((one) => machineOf(one).group.status());
  const last = Math.max(...statuses.map(({ lastIndex }) => lastIndex));
  return cluster.leader() !== undefined && statuses.every((one) => one.appliedIndex === last);
}

function machineOf(member: Member | undefined): Member["machines"][number] {
  if (member === undefined) throw new Error("there is no such member");
  return member.machines[0]!;
}
