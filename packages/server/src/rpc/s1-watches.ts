// SPDX-License-Identifier: Apache-2.0
/**
 * The watches of S1 that this node serves, by the primitive that each was opened on: when its session
 * ends, or closes the primitive, they end (bugs 16, 45). Without them it costs a partition nothing.
 */

import { type Applied, createdPrimitive } from "@conclave/fsm";
import type { PartitionReplica } from "../replica/partition-replica.ts";

export class S1Watches {
  readonly #partitions = new Map<number, PartitionWatches>();

  /** Calls `ended` once if the primitive is closed before `leave`, which it answers, is called. */
  join(
    partition: PartitionReplica,
    sessionId: bigint,
    primitiveId: bigint,
    ended: () => void,
  ): () => void {
    const { number } = partition;
    let watches = this.#partitions.get(number);
    if (watches === undefined) {
      watches = new PartitionWatches(partition, () => this.#partitions.delete(number));
      this.#partitions.set(number, watches);
    }
    return watches.join({ sessionId, primitiveId, ended });
  }

  /** How many are open. */
  get size(): number {
    let size = 0;
    for (const { size: here } of this.#partitions.values()) size += here;
    return size;
  }
}

interface OpenWatch {
  readonly sessionId: bigint;
  readonly primitiveId: bigint;
  readonly ended: () => void;
}

class PartitionWatches {
  readonly #partition: PartitionReplica;
  readonly #bySession = new Map<bigint, Set<OpenWatch>>();
  readonly #forget: () => void;
  readonly #stopListening: () => void;

  constructor(partition: PartitionReplica, forget: () => void) {
    this.#partition = partition;
    this.#stopListening = partition.onApplied((applied) => this.#applied(applied));
    this.#forget = forget;
  }

  get size(): number {
    let size = 0;
    for (const watches of this.#bySession.values()) size += watches.size;
    return size;
  }

  join(watch: OpenWatch): () => void {
    const { sessionId } = watch;
    const watches = this.#bySession.get(sessionId) ?? new Set();
    this.#bySession.set(sessionId, watches);
    watches.add(watch);
    return () => {
      if (!watches.delete(watch) || watches.size > 0) return;
      this.#bySession.delete(sessionId);
      if (this.#bySession.size > 0) return;
      this.#stopListening();
      this.#forget();
    };
  }

  #applied(applied: Applied | undefined): void {
    if (applied === undefined) {
      // Another node's state has taken the place of this one's: nobody told what happened between.
      for (const sessionId of [...this.#bySession.keys()]) this.#endGone(sessionId);
      return;
    }
    for (const { sessionId } of applied.sessionsEnded) this.#endGone(sessionId);
    for (const { sessionId } of applied.primitivesClosed) this.#endGone(sessionId);
  }

  #endGone(sessionId: bigint): void {
    const { state } = this.#partition;
    for (const { primitiveId, ended } of [...(this.#bySession.get(sessionId) ?? [])]) {
      if (createdPrimitive(state, sessionId, primitiveId) === undefined) ended();
    }
  }
}
