// SPDX-License-Identifier: Apache-2.0
/**
 * Reads: one election, a page of elections, a fence. Linearizable unless asked for stale: a quorum
 * round begun after the read arrived, then the applied state (ReadIndex).
 */

import {
  checkFence,
  type ElectionView,
  type FenceView,
  keyText,
  type PastView,
  type PrimitiveKey,
} from "@conclave/fsm";
import type { RoundOutcome } from "./confirm-rounds.ts";
import type { PartitionReplica } from "./partition-replica.ts";
import type { KeyPrefix } from "./watch-index.ts";

export type ReadFailure = Extract<RoundOutcome, { kind: "failed" }>;

export type ReadOutcome<T> = { readonly kind: "read"; readonly value: T } | ReadFailure;

export function readElection(
  partition: PartitionReplica,
  key: PrimitiveKey,
  giveUpAtMs: number,
  settle: (outcome: ReadOutcome<ElectionView>) => void,
): void {
  afterBarrier(partition, giveUpAtMs, () => partition.view(key), settle);
}

export function readFence(
  partition: PartitionReplica,
  key: PrimitiveKey,
  term: bigint,
  giveUpAtMs: number,
  settle: (outcome: ReadOutcome<FenceView>) => void,
): void {
  afterBarrier(partition, giveUpAtMs, () => checkFence(partition.state, key, term), settle);
}

export interface ListPageQuery extends KeyPrefix {
  readonly isVacantOnly: boolean;
  /** The name that the page before ended with. */
  readonly after: string | undefined;
  readonly limit: number;
}

export interface ListPage {
  readonly views: readonly { readonly partition: number; readonly view: ElectionView }[];
  /** Where the next page begins; absent on the last. */
  readonly next: string | undefined;
}

/** A page is closed when the estimate of its size passes this; the wire's own limit is 256 KiB. */
const PAGE_BYTES_MAX = 240 * 1024;
/** How many elections one page looks at: a filter that finds few must not hold the loop up. */
const PAGE_EXAMINED_MAX = 10_000;

export function readList(
  partitions: readonly PartitionReplica[],
  query: ListPageQuery,
  giveUpAtMs: number,
  settle: (outcome: ReadOutcome<ListPage>) => void,
): void {
  let missing = partitions.length;
  let failure: ReadFailure | undefined;
  for (const partition of partitions) {
    partition.barrier({
      giveUpAtMs,
      waitsForLeader: true,
      settle: (outcome) => {
        if (outcome.kind === "failed") failure ??= outcome;
        if (--missing > 0) return;
        settle(failure ?? { kind: "read", value: listPage(partitions, query) });
      },
    });
  }
}

/** Merges the partitions, each of which gives its keys in order. */
function listPage(partitions: readonly PartitionReplica[], query: ListPageQuery): ListPage {
  const cursors = partitions.map((partition) => new KeyCursor(partition, query));
  const views: { partition: number; view: ElectionView }[] = [];
  let bytes = 0;
  let last: string | undefined;
  for (let examined = 0; examined < PAGE_EXAMINED_MAX; examined++) {
    const cursor = leastOf(cursors);
    if (cursor?.key === undefined) return { views, next: undefined };
    const view = cursor.partition.view(cursor.key);
    const isWanted = !query.isVacantOnly || view.leader === undefined;
    if (isWanted) {
      bytes += estimateViewBytes(view);
      const isFull = views.length === query.limit || (views.length > 0 && bytes > PAGE_BYTES_MAX);
      if (isFull) return { views, next: last };
      views.push({ partition: cursor.partition.number, view });
    }
    last = cursor.key.name;
    cursor.advance();
  }
  return { views, next: last };
}

class KeyCursor {
  readonly partition: PartitionReplica;
  readonly #query: ListPageQuery;
  #keys: readonly PrimitiveKey[];
  #place = 0;

  constructor(partition: PartitionReplica, query: ListPageQuery) {
    this.partition = partition;
    this.#query = query;
    this.#keys = partition.page(query, query.after);
  }

  get key(): PrimitiveKey | undefined {
    return this.#keys[this.#place];
  }

  advance(): void {
    const passed = this.key?.name;
    this.#place++;
    if (this.#place < this.#keys.length) return;
    this.#keys = this.partition.page(this.#query, passed);
    this.#place = 0;
  }
}

function leastOf(cursors: readonly KeyCursor[]): KeyCursor | undefined {
  let least: KeyCursor | undefined;
  for (const cursor of cursors) {
    if (cursor.key === undefined) continue;
    if (least?.key === undefined || keyText(cursor.key) < keyText(least.key)) least = cursor;
  }
  return least;
}

/** Roughly what a view takes on the wire; names count as if every character took two bytes. */
export function estimateViewBytes({ key, leader, queue }: PastView): number {
  let bytes = 64 + 2 * (key.name.length + key.namespace.length);
  for (const { name, metadata } of leader === undefined ? queue : [leader, ...queue]) {
    bytes += 32 + 2 * name.length;
    for (const [label, value] of metadata) bytes += 8 + 2 * (label.length + value.length);
  }
  return bytes;
}

function afterBarrier<T>(
  partition: PartitionReplica,
  giveUpAtMs: number,
  read: () => T,
  settle: (outcome: ReadOutcome<T>) => void,
): void {
  partition.barrier({
    giveUpAtMs,
    waitsForLeader: true,
    settle: (outcome) =>
      settle(outcome.kind === "failed" ? outcome : { kind: "read", value: read() }),
  });
}
