// SPDX-License-Identifier: Apache-2.0
/** Hosts of a few replicas on virtual time, memory disks and a memory network, for specs. */

import {
  createManualClock,
  createPrng,
  LoopWatch,
  type ManualClock,
  type Prng,
} from "@conclave/base";
import type { Group, GroupListener, HostFailure, Role } from "../group.ts";
import type { HostLimits } from "../host/limits.ts";
import { createHost, type Host } from "../host.ts";
import { type ReplicaId, replicaIdOf } from "../ids.ts";
import {
  type CrashFate,
  createMemoryDisk,
  createMemoryNetwork,
  type MemoryConnection,
  type MemoryDisk,
  type MemoryNetwork,
} from "../memory/index.ts";
import type { Transport } from "../transport.ts";

/** A state machine that is the list of what was committed; its snapshot is that list. */
export interface Machine {
  readonly group: Group;
  /** What was proposed, by the index at which it was applied. */
  log: Map<number, string>;
  readonly roles: Role[];
  readonly failures: HostFailure[];
  /** How often a snapshot was put in the place of the state. */
  restores: number;
}

export interface Member {
  readonly replica: ReplicaId;
  readonly host: Host;
  readonly disk: MemoryDisk;
  readonly machines: readonly Machine[];
  readonly loop: LoopWatch;
  readonly connection: MemoryConnection;
}

export interface ClusterOptions {
  readonly seed?: bigint;
  readonly groups?: number;
  readonly limits?: Partial<HostLimits>;
  /** Sees, and may replace, what hosts hand to the network. */
  readonly transport?: (replica: ReplicaId, inner: Transport) => Transport;
  /** Makes a state larger: chunks that stand before the list in every snapshot. */
  readonly ballast?: Uint8Array;
}

export interface StartOptions {
  readonly disk?: MemoryDisk;
  /** Default: the replicas of nodes 1 to 3, incarnation 0. */
  readonly bootstrap?: readonly ReplicaId[];
}

const CLUSTER_ID = new Uint8Array(32).fill(9);
export const FIRST: readonly ReplicaId[] = [1, 2, 3].map((node) => replicaIdOf(node, 0));

export class MemoryCluster {
  readonly clock: ManualClock = createManualClock();
  readonly network: MemoryNetwork;
  readonly members: Map<ReplicaId, Member> = new Map();
  readonly #options: ClusterOptions;
  readonly #prng: Prng;
  #starts = 0;

  constructor(options: ClusterOptions = {}) {
    this.#options = options;
    this.#prng = createPrng(options.seed ?? 1n);
    this.network = createMemoryNetwork({ clock: this.clock, prng: this.#prng.child("network") });
  }

  /** Starts the three first members and waits until every group has a leader. */
  async startAll(): Promise<void> {
    for (const replica of FIRST) await this.start(replica);
    await this.advance(2_000);
  }

  async start(replica: ReplicaId, options: StartOptions = {}): Promise<Member> {
    const { clock, network } = this;
    const { limits = {}, groups = 1, transport = (_, inner) => inner } = this.#options;
    const disk = options.disk ?? createMemoryDisk();
    const connection = network.connect(replica);
    const loop = new LoopWatch(clock);
    this.#starts += 1;
    const host = createHost({
      replica,
      clusterId: CLUSTER_ID,
      disk,
      clock,
      prng: this.#prng.child(`start ${this.#starts}`),
      loop,
      transport: transport(replica, connection),
      bootstrap: options.bootstrap ?? FIRST,
      limits,
    });
    const machines = Array.from({ length: groups }, (_, i) => this.#join(host, i + 1));
    const member: Member = { replica, host, disk, machines, loop, connection };
    this.members.set(replica, member);
    const starting = host.start();
    await settle();
    const outcome = await starting;
    if (outcome.kind !== "started") throw new Error(`${outcome.reason}: ${outcome.detail}`);
    connection.bind(host);
    loop.start();
    return member;
  }

  /** The replica is gone from one instant to the next; its disk is as the next start finds it. */
  crash(replica: ReplicaId, fate: CrashFate | "kill"): MemoryDisk {
    const member = this.members.get(replica)!;
    member.loop.stop();
    member.connection.close();
    this.members.delete(replica);
    return fate === "kill" ? member.disk.kill() : member.disk.crash(fate);
  }

  /** The member that says of itself that it leads; the one of the latest raftTerm if several do. */
  leader(group = 1): Member | undefined {
    let found: Member | undefined;
    let raftTerm = 0;
    for (const member of this.members.values()) {
      const { role } = member.machines[group - 1]!.group;
      if (role.kind !== "leader" || role.raftTerm < raftTerm) continue;
      found = member;
      raftTerm = role.raftTerm;
    }
    return found;
  }

  /** Those that do not lead the first group. */
  followers(): readonly Member[] {
    const leader = this.leader();
    return [...this.members.values()].filter((member) => member !== leader);
  }

  /** Cuts both directions of all of a replica's paths. */
  isolate(replica: ReplicaId, others: readonly ReplicaId[] = FIRST): void {
    for (const other of others) {
      if (other === replica) continue;
      this.network.cut(replica, other);
      this.network.cut(other, replica);
    }
  }

  async advance(ms: number, stepMs = 1): Promise<void> {
    for (let passed = 0; passed < ms; passed += stepMs) {
      this.clock.advance(stepMs);
      await settle();
    }
  }

  /** Lets time pass until it is so; fails after 20 s of it. */
  async until(what: string, isSo: () => boolean): Promise<void> {
    for (let passed = 0; passed < 20_000; passed += 5) {
      if (isSo()) return;
      await this.advance(5, 5);
    }
    throw new Error(`it never came about: ${what}`);
  }

  #join(host: Host, id: number): Machine {
    const text = new TextDecoder();
    const { ballast = new Uint8Array(0) } = this.#options;
    const listener: GroupListener = {
      committed: (entries) => {
        for (const { index, bytes } of entries) machine.log.set(index, text.decode(bytes));
      },
      restored: ({ bytes }) => {
        machine.restores += 1;
        const list = JSON.parse(text.decode(bytes.subarray(ballast.length)));
        machine.log = new Map(list as [number, string][]);
      },
      roleChanged: (role) => machine.roles.push(role),
      snapshot: function* () {
        if (ballast.length > 0) yield ballast;
        yield bytesOf(JSON.stringify([...machine.log]));
      },
      failed: (failure) => machine.failures.push(failure),
    };
    const group = host.openGroup(id, listener);
    const machine: Machine = { group, log: new Map(), roles: [], failures: [], restores: 0 };
    return machine;
  }
}

/** Lets everything that needs no time run to its end. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 60; i++) await Promise.resolve();
}

export const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);
