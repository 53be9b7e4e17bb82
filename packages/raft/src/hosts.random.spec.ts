// SPDX-License-Identifier: Apache-2.0
/**
 * Three hosts under crashes, power cuts, failed syncs, full disks, cuts and a bad network, as chance
 * will have it: all apply the same, and nothing that was acknowledged is lost.
 */

import { createPrng, type Prng } from "@conclave/base";
import { expect, test } from "vitest";
import type { ProposeOutcome } from "./group.ts";
import { nodeOf, type ReplicaId } from "./ids.ts";
import { type MemoryDisk, randomFate } from "./memory/index.ts";
import { bytesOf, FIRST, type Member, MemoryCluster } from "./spec/memory-cluster.ts";

const SEEDS = 50;
const ACTS = 120;
const LIMITS = {
  segmentBytes: 8192,
  entryBytesMax: 2048,
  snapshotEveryEntries: 15,
  cacheBytesMax: 2_000,
  recoveryCacheBytesMax: 2_000,
};

test("whatever fails, all apply the same entries and keep what was acknowledged", async () => {
  let restores = 0;
  let applied = 0;
  for (let seed = 0; seed < SEEDS; seed++) {
    const run = new Run(BigInt(seed));
    await run.play();
    restores += run.restores;
    applied += run.acknowledged;
  }

  // Or the run would prove little.
  expect(applied).toBeGreaterThan(SEEDS * 10);
  expect(restores).toBeGreaterThan(SEEDS / 5);
}, 120_000);

class Run {
  readonly #seed: bigint;
  readonly #prng: Prng;
  readonly #cluster: MemoryCluster;
  /** Disks of those that are down. */
  readonly #down = new Map<ReplicaId, MemoryDisk>();
  /** What anybody ever applied, by index. */
  readonly #known = new Map<number, string>();
  readonly #outcomes = new Map<string, ProposeOutcome>();
  #made = 0;
  restores = 0;

  constructor(seed: bigint) {
    this.#seed = seed;
    this.#prng = createPrng(seed).child("acts");
    this.#cluster = new MemoryCluster({ seed, limits: LIMITS });
  }

  get acknowledged(): number {
    return [...this.#outcomes.values()].filter(({ kind }) => kind === "applied").length;
  }

  async play(): Promise<void> {
    for (const replica of FIRST) await this.#cluster.start(replica);
    this.#cluster.network.setFaults({
      delayMs: { min: 1, max: 15 },
      lostPermille: 30,
      doubledPermille: 20,
      isReordering: this.#prng.chance(1, 2),
    });
    await this.#cluster.advance(1_000, 5);
    for (let i = 0; i < ACTS; i++) await this.#act();
    await this.#recover();
    this.#verify();
  }

  async #act(): Promise<void> {
    const prng = this.#prng;
    const draw = prng.below(100);
    const replica = FIRST[prng.below(3)]!;
    const member = this.#cluster.members.get(replica);
    if (draw < 60) this.#propose(1 + prng.below(4));
    else if (draw < 66 && member !== undefined) this.#crash(member);
    else if (draw < 76) await this.#restart(replica);
    else if (draw < 80) this.#cluster.network.cut(replica, FIRST[prng.below(3)]!);
    else if (draw < 86) this.#cluster.network.heal();
    else if (draw < 88) member?.disk.refuse("datasync", "io", 1);
    else if (draw < 90) member?.disk.resize(40_000);
    else if (draw < 95) member?.disk.resize(Number.POSITIVE_INFINITY);
    else if (draw < 98) member?.machines.at(0)?.group.transfer(nodeOf(FIRST[prng.below(3)]!));
    else for (const each of [...this.#cluster.members.values()]) this.#crash(each);
    await this.#cluster.advance(prng.below(12) * 5, 5);
  }

  #propose(count: number): void {
    const leader = this.#cluster.leader();
    if (leader === undefined) return;
    for (let i = 0; i < count; i++) {
      this.#made += 1;
      const text = `${this.#made}/`.padEnd(20 + this.#prng.below(600), "x");
      this.#outcomes.set(text, { kind: "unknown" });
      void leader.machines[0]!.group.propose(bytesOf(text)).then((outcome) => {
        this.#outcomes.set(text, outcome);
      });
    }
  }

  #crash(member: Member): void {
    this.#learn(member);
    const fate = this.#prng.chance(1, 2) ? ("kill" as const) : randomFate(this.#prng);
    const disk = this.#cluster.crash(member.replica, fate);
    this.#down.set(member.replica, disk);
  }

  async #restart(replica: ReplicaId): Promise<void> {
    const disk = this.#down.get(replica);
    if (disk === undefined) return;
    disk.resize(Number.POSITIVE_INFINITY);
    this.#down.delete(replica);
    await this.#cluster.start(replica, { disk });
  }

  /** Everything is well again, long enough for everybody to catch up. */
  async #recover(): Promise<void> {
    const cluster = this.#cluster;
    cluster.network.heal();
    cluster.network.setFaults({});
    for (const replica of FIRST) await this.#restart(replica);
    for (const { disk } of cluster.members.values()) {
      disk.heal();
      disk.resize(Number.POSITIVE_INFINITY);
    }
    await cluster.until(`seed ${this.#seed}: all have applied the same`, () => {
      const statuses = [...cluster.members.values()].map((one) => one.machines[0]!.group.status());
      const last = Math.max(...statuses.map(({ lastIndex }) => lastIndex));
      return cluster.leader() !== undefined && statuses.every((one) => one.appliedIndex === last);
    });
  }

  #verify(): void {
    const where = `seed ${this.#seed}`;
    for (const member of this.#cluster.members.values()) {
      this.#learn(member);
      const { log, failures } = member.machines[0]!;
      expect(failures, where).toEqual([]);
      expect([...log].sort(byIndex), where).toEqual([...this.#known].sort(byIndex));
    }
    const texts = [...this.#known.values()];
    expect(new Set(texts).size, where).toBe(texts.length);
    for (const [text, outcome] of this.#outcomes) {
      const name = `${where}: ${text.slice(0, 10)}`;
      if (outcome.kind === "applied") expect(this.#known.get(outcome.index), name).toBe(text);
      if (outcome.kind === "not-applied") expect(texts.includes(text), name).toBe(false);
    }
  }

  /** What a member has applied must be what every other one has, or will. */
  #learn(member: Member): void {
    const { log, restores } = member.machines[0]!;
    this.restores += restores;
    for (const [index, text] of log) {
      const known = this.#known.get(index);
      if (known !== undefined) expect(text, `seed ${this.#seed} index ${index}`).toBe(known);
      this.#known.set(index, text);
    }
  }
}

function byIndex([a]: readonly [number, string], [b]: readonly [number, string]): number {
  return a - b;
}
