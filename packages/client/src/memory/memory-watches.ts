// SPDX-License-Identifier: Apache-2.0
/** The watches of one connection to the twin: snapshots, then changes, resumable (semantics A4). */

import { create } from "@bufbuild/protobuf";
import {
  type AttachWatchEvent,
  AttachWatchEventSchema,
  type Change,
  FrameErrorSchema,
  Outcome,
  Reason,
  type WatchRequest,
  type WatchResponse,
  WatchResponseSchema,
} from "@conclave/api";
import { homeOf } from "../home.ts";
import type { MemoryPartition } from "./memory-partition.ts";

interface Watch {
  readonly id: bigint;
  readonly request: WatchRequest;
  /** Per partition, the revision up to which everything has been sent. */
  readonly sent: Map<number, bigint>;
}

type Event = WatchResponse["event"];

export class MemoryWatches {
  readonly #partitions: readonly MemoryPartition[];
  readonly #watches = new Map<bigint, Watch>();
  #events: AttachWatchEvent[] = [];

  constructor(partitions: readonly MemoryPartition[]) {
    this.#partitions = partitions;
  }

  get ids(): bigint[] {
    return [...this.#watches.keys()];
  }

  open(id: bigint, request: WatchRequest): void {
    const watch: Watch = { id, request, sent: pointOf(request, this.#partitions) };
    this.#watches.set(id, watch);
    const behind = this.#partitions.filter((home) => this.#isBelowFloor(watch, home));
    if (this.#isAhead(watch)) this.#refuse(id);
    else if (watch.sent.size === 0) this.#snapshot(watch);
    else if (behind.length > 0) {
      for (const home of behind) this.#gap(watch, home);
      this.#snapshot(watch);
    } else {
      this.#replay(watch);
    }
  }

  close(id: bigint): void {
    this.#watches.delete(id);
  }

  changed(change: Change): void {
    for (const watch of this.#watches.values()) this.#offer(watch, change);
  }

  tellProgress(): void {
    for (const watch of this.#watches.values()) {
      for (const { number: partition, revision } of this.#partitions) {
        const value = { $typeName: "conclave.v1.Progress", revision, partition } as const;
        this.#emit(watch, { case: "progress", value });
      }
    }
  }

  /** What is to be sent. */
  take(): AttachWatchEvent[] {
    const events = this.#events;
    this.#events = [];
    return events;
  }

  #snapshot(watch: Watch): void {
    for (const home of this.#partitions) watch.sent.set(home.number, home.revision);
    const shown = this.#partitions.flatMap((home) =>
      home
        .all()
        .filter(({ namespace, name }) => covers(watch.request, namespace, name))
        .map((election) => home.view(election)),
    );
    for (const value of shown) this.#emit(watch, { case: "snapshot", value });
    for (const ref of watch.request.elections) {
      const isShown = shown.some(({ election }) => election?.name === ref.name);
      const home = this.#partitions[homeOf(ref.name, this.#partitions.length) - 1];
      if (isShown || home === undefined) continue;
      const value = { ...home.view(home.get(ref.namespace, ref.name)), asOfRevision: 0n };
      this.#emit(watch, { case: "snapshot", value });
    }
    const value = { $typeName: "conclave.v1.SnapshotEnd" } as const;
    this.#emit(watch, { case: "snapshotEnd", value });
  }

  #isBelowFloor({ sent, request }: Watch, home: MemoryPartition): boolean {
    const from = sent.get(home.number);
    if (from === undefined || from >= home.floor) return false;
    // An election whose own revision is not above the point has missed nothing.
    return home.all().some((e) => covers(request, e.namespace, e.name) && e.revision > from);
  }

  #isAhead({ sent, request }: Watch): boolean {
    const homes = request.prefix === undefined ? this.#homesOf(request) : this.#partitions;
    return homes.some((home) => (sent.get(home.number) ?? 0n) > home.revision);
  }

  #refuse(id: bigint): void {
    this.#watches.delete(id);
    const info = { reason: Reason.RESUME_AHEAD, outcome: Outcome.NOT_APPLIED };
    const message = "no such revision has been reached";
    const value = create(FrameErrorSchema, { code: "out_of_range", message, info });
    this.#events.push(create(AttachWatchEventSchema, { id, outcome: { case: "ended", value } }));
  }

  /** The partitions on which the elections that a watch names live. */
  #homesOf({ elections }: WatchRequest): MemoryPartition[] {
    const numbers = elections.map(({ name }) => homeOf(name, this.#partitions.length));
    return this.#partitions.filter(({ number }) => numbers.includes(number));
  }

  #gap(watch: Watch, home: MemoryPartition): void {
    const value = {
      $typeName: "conclave.v1.Gap",
      afterRevision: watch.sent.get(home.number) ?? 0n,
      beforeRevision: home.revision,
      partition: home.number,
    } as const;
    this.#emit(watch, { case: "gap", value });
  }

  #replay(watch: Watch): void {
    const { after, withBase, elections } = watch.request;
    const [home] = this.#homesOf(watch.request);
    const [named] = elections;
    if (withBase && after !== undefined && home !== undefined && named !== undefined) {
      const value = home.viewAt(named.namespace, named.name, after);
      this.#emit(watch, { case: "base", value });
    }
    for (const home of this.#partitions) {
      const from = watch.sent.get(home.number);
      if (from === undefined) continue;
      for (const change of home.changesAfter(from)) this.#offer(watch, change);
    }
  }

  #offer(watch: Watch, change: Change): void {
    const { namespace = "", name = "" } = change.election ?? {};
    if (!covers(watch.request, namespace, name)) return;
    watch.sent.set(change.partition, change.revision);
    this.#emit(watch, { case: "change", value: change });
  }

  #emit({ id, sent }: Watch, event: Event): void {
    const text = [...sent].map(([partition, revision]) => `${partition}:${revision}`).join(" ");
    const resume = new TextEncoder().encode(text);
    const value = create(WatchResponseSchema, { event, resume });
    this.#events.push(create(AttachWatchEventSchema, { id, outcome: { case: "event", value } }));
  }
}

function covers(request: WatchRequest, namespace: string, name: string): boolean {
  const isSame = (other: string): boolean => (other || "default") === (namespace || "default");
  const { prefix } = request;
  if (prefix !== undefined) return isSame(prefix.namespace) && name.startsWith(prefix.prefix);
  return request.elections.some((ref) => ref.name === name && isSame(ref.namespace));
}

/** Where a request resumes: a point for each partition, or nothing for a watch that begins anew. */
function pointOf(
  { resume, after }: WatchRequest,
  partitions: readonly MemoryPartition[],
): Map<number, bigint> {
  if (after !== undefined) return new Map(partitions.map(({ number }) => [number, after]));
  const text = new TextDecoder().decode(resume);
  if (text === "") return new Map();
  return new Map(
    text.split(" ").map((point) => {
      const [partition = "0", revision = "0"] = point.split(":");
      return [Number(partition), BigInt(revision)] as const;
    }),
  );
}
