// SPDX-License-Identifier: Apache-2.0
/**
 * The nodes of the twin: which of them answer, which have contact with a majority, and which leads a
 * partition. They share one state, since what a client sees of replication is who answers, and when.
 */

import { create } from "@bufbuild/protobuf";
import { type ClusterInfo, ClusterInfoSchema } from "@conclave/api";
import { type CancelTimer, type Clock, createPrng, type Prng } from "@conclave/base";

/** `refusing`: the process is dead. `silent`: so is its machine, or the way to it. */
export type NodeState = "up" | "cut-off" | "refusing" | "silent";

export interface NodesListener {
  /** Nobody leads the partition: nothing expires there. */
  vacated(partition: number): void;
  /** A new leader knows no deadline and no attachment. */
  elected(partition: number): void;
  /** Members or leaders have changed. */
  changed(): void;
}

/** From the death of a leader to the next one: an election timeout of 300 to 600 ms, and the votes. */
const ELECTION_MS_MIN = 300;
const ELECTION_MS_RANGE = 300;

export class MemoryNodes {
  readonly count: number;
  readonly #clock: Clock;
  readonly #prng: Prng;
  readonly #listener: NodesListener;
  readonly #states: NodeState[];
  /** By partition - 1. */
  readonly #leaders: (number | undefined)[];
  readonly #elections = new Map<number, CancelTimer>();
  /** How much later than its leader's a node's frames leave, by node. */
  readonly #lagsMs = new Map<number, number>();

  constructor(clock: Clock, partitionCount: number, count: number, listener: NodesListener) {
    this.#clock = clock;
    this.#prng = createPrng(BigInt(count));
    this.count = count;
    this.#listener = listener;
    this.#states = Array.from({ length: count }, () => "up" as const);
    this.#leaders = Array.from({ length: partitionCount }, (_, index) => 1 + (index % count));
  }

  state(node: number): NodeState {
    return this.#states[node - 1] ?? "refusing";
  }

  leaderOf(partition: number): number | undefined {
    return this.#leaders[partition - 1];
  }

  lagMs(node: number): number {
    return this.#lagsMs.get(node) ?? 0;
  }

  setLag(node: number, lagMs: number): void {
    this.#lagsMs.set(node, lagMs);
  }

  /** Whether a request at this node reaches a leader of the partition. */
  serves(node: number, partition: number): boolean {
    return this.state(node) === "up" && this.#leaders[partition - 1] !== undefined;
  }

  /** What the node tells of the cluster. */
  info(node: number, clusterId: Uint8Array): ClusterInfo {
    const nodes = Array.from({ length: this.count }, (_, index) => index + 1);
    const partitions = this.#leaders.map((_, index) => index + 1);
    const led = partitions.filter((partition) => this.serves(node, partition));
    return create(ClusterInfoSchema, {
      clusterId,
      partitionCount: partitions.length,
      node,
      version: "memory",
      // A single node tells of none.
      members: this.count === 1 ? [] : nodes.map((n) => ({ node: n, url: urlOf(n) })),
      leaders: led.map((partition) => ({ partition, node: this.leaderOf(partition) ?? 0 })),
    });
  }

  /** Takes a node out, or back in; what it led is led by another after a while. */
  set(node: number, state: NodeState): void {
    this.#states[node - 1] = state;
    this.#leaders.forEach((leader, index) => {
      if (leader === node && state !== "up") this.#vacate(index + 1);
      if (this.#leaders[index] === undefined) this.#elect(index + 1);
    });
  }

  /** Gives the partition to another node, at once. */
  transfer(partition: number, to: number): void {
    this.#vacate(partition);
    this.#take(partition, to);
  }

  #vacate(partition: number): void {
    this.#leaders[partition - 1] = undefined;
    this.#listener.vacated(partition);
    this.#listener.changed();
  }

  #elect(partition: number): void {
    if (this.#elections.has(partition)) return;
    const waitMs = ELECTION_MS_MIN + this.#prng.below(ELECTION_MS_RANGE);
    const cancel = this.#clock.setTimer(waitMs, () => {
      this.#elections.delete(partition);
      const up = this.#states.flatMap((state, index) => (state === "up" ? [index + 1] : []));
      if (2 * up.length <= this.count) return;
      this.#take(partition, up[this.#prng.below(up.length)]!);
    });
    this.#elections.set(partition, cancel);
  }

  #take(partition: number, node: number): void {
    this.#elections.get(partition)?.();
    this.#elections.delete(partition);
    this.#leaders[partition - 1] = node;
    this.#listener.elected(partition);
    this.#listener.changed();
  }
}

/** Where the twin's node answers. */
export function urlOf(node: number): string {
  return `http://node-${node}`;
}

export function nodeAt(url: string): number {
  return Number(url.split("-").at(-1));
}
