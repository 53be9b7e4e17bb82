// SPDX-License-Identifier: Apache-2.0
/**
 * What the watches of S1 that this node serves hang on: the caller, its session, and the primitive as
 * the session has created it. When one of them goes the watch ends (bugs 16, 45); where nobody
 * watches, a partition is not listened to.
 */

import { type Applied, createdPrimitive } from "@conclave/fsm";
import type { PartitionReplica } from "../replica/partition-replica.ts";
import type { Place } from "./s1-headers.ts";
import { holdWatch, type WatchHold } from "./watch-hold.ts";

export class S1Watches {
  readonly #partitions = new Map<number, PartitionWatches>();

  /** @param place of a primitive that the session has created, as the partition's replica knows. */
  hold({ partition, sessionId, primitiveId }: Place, caller: AbortSignal): WatchHold {
    return holdWatch(caller, (end) => this.#on(partition).join({ sessionId, primitiveId, end }));
  }

  /** How many are held. */
  get size(): number {
    let size = 0;
    for (const { size: here } of this.#partitions.values()) size += here;
    return size;
  }

  #on(partition: PartitionReplica): PartitionWatches {
    const { number } = partition;
    const known = this.#partitions.get(number);
    if (known !== undefined) return known;
    const fresh = new PartitionWatches(partition, () => this.#partitions.delete(number));
    this.#partitions.set(number, fresh);
    return fresh;
  }
}

interface HeldWatch {
  readonly sessionId: bigint;
  readonly primitiveId: bigint;
  readonly end: () => void;
}

class PartitionWatches {
  readonly #partition: PartitionReplica;
  readonly #bySession = new Map<bigint, Set<HeldWatch>>();
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

  join(watch: HeldWatch): () => void {
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
    for (const { primitiveId, end } of [...(this.#bySession.get(sessionId) ?? [])]) {
      if (createdPrimitive(state, sessionId, primitiveId) === undefined) end();
    }
  }
}
