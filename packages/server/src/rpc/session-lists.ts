// SPDX-License-Identifier: Apache-2.0
/**
 * Lists the sessions of the partitions that this node leads, in pages. Sessions are named by their
 * instances, in answers and page tokens alike: their ids are secrets.
 *
 * A list of hashes has to be made before any page of it. For many sessions it is made in short turns,
 * and kept for so long that all who ask take a tenth of one core at most (a hash that is not known
 * takes up to 8 µs on a busy machine, measured; the last 65,536 are known).
 */

import { create } from "@bufbuild/protobuf";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import {
  type ListSessionsResponse,
  ListSessionsResponseSchema,
  type SessionInfo,
  SessionInfoSchema,
} from "@conclave/api/cluster";
import type { Clock } from "@conclave/base";
import {
  type Metadata,
  type SessionId,
  type SessionTerms,
  sessions,
  sessionTerms,
  utf8Length,
} from "@conclave/fsm";
import type { ElectionNode } from "../replica/election-node.ts";
import type { PartitionReplica } from "../replica/partition-replica.ts";
import { type SessionPageQuery, sessionPageTokenOf } from "../wire/cluster-requests.ts";
import { InstanceIndex } from "./instance-index.ts";

/** Hashed in one turn. */
const TURN_SESSIONS = 500;
/** Below this many a list is made for every request. */
const KEPT_FROM_SESSIONS = 1_000;
const KEPT_MS_PER_SESSION = 0.1;
/** A page is closed when the estimate of its size passes this; the wire's own limit is 256 KiB. */
const PAGE_BYTES_MAX = 240 * 1024;
const ITEM_BYTES = 64;

export class SessionLists {
  readonly #clock: Clock;
  readonly #kept = new Map<PartitionReplica, Promise<InstanceIndex>>();
  readonly #cancels = new Set<() => void>();
  #isStopped = false;

  constructor(node: Pick<ElectionNode, "onShutdown">, clock: Clock) {
    this.#clock = clock;
    node.onShutdown(() => {
      this.#isStopped = true;
      for (const cancel of this.#cancels) cancel();
    });
  }

  /** Undefined where this node does not lead the partition. */
  async page(
    partition: PartitionReplica,
    query: SessionPageQuery,
  ): Promise<ListSessionsResponse | undefined> {
    if (!partition.isLeader) return undefined;
    const index = await this.#indexOf(partition);
    // It may have lost its office meanwhile, and with that the deadlines.
    return partition.isLeader ? pageOf(partition, index, query) : undefined;
  }

  #indexOf(partition: PartitionReplica): Promise<InstanceIndex> {
    const kept = this.#kept.get(partition);
    if (kept !== undefined) return kept;
    const ids = Array.from(sessions(partition.state), ({ sessionId }) => sessionId);
    const index = this.#build(ids);
    if (ids.length < KEPT_FROM_SESSIONS) return index;
    this.#kept.set(partition, index);
    void index.then(() => this.#forgetLater(partition, ids.length * KEPT_MS_PER_SESSION));
    return index;
  }

  async #build(ids: readonly SessionId[]): Promise<InstanceIndex> {
    const index = new InstanceIndex();
    for (const [i, id] of ids.entries()) {
      if (i > 0 && i % TURN_SESSIONS === 0) await this.#nextTurn();
      if (this.#isStopped) break;
      index.add(id);
    }
    return index;
  }

  #nextTurn(): Promise<void> {
    return new Promise((resolve) => {
      this.#clock.setTimer(0, resolve);
    });
  }

  #forgetLater(partition: PartitionReplica, afterMs: number): void {
    if (this.#isStopped) return;
    const cancel = this.#clock.setTimer(afterMs, () => {
      this.#cancels.delete(cancel);
      this.#kept.delete(partition);
    });
    this.#cancels.add(cancel);
  }
}

function pageOf(
  partition: PartitionReplica,
  index: InstanceIndex,
  query: SessionPageQuery,
): ListSessionsResponse {
  const page = create(ListSessionsResponseSchema);
  let bytes = 0;
  let last = "";
  for (const { instance, sessionId } of found(index, query)) {
    const terms = sessionTerms(partition.state, sessionId);
    const remainingMs = partition.leadership.remainingMs(sessionId);
    // It has ended since.
    if (terms === undefined || remainingMs === undefined) continue;
    bytes += estimateBytes(terms.labels);
    const isFull = page.sessions.length === query.limit;
    if (isFull || (page.sessions.length > 0 && bytes > PAGE_BYTES_MAX)) {
      page.nextPageToken = sessionPageTokenOf(last);
      return page;
    }
    page.sessions.push(sessionInfoOf(instance, terms, remainingMs));
    last = instance;
  }
  return page;
}

function* found(index: InstanceIndex, { instance, after }: SessionPageQuery) {
  if (instance === undefined) {
    yield* index.after(after);
    return;
  }
  const sessionId = index.find(instance);
  if (sessionId !== undefined) yield { instance, sessionId };
}

function sessionInfoOf(
  instance: string,
  { ttlMs, graceMs, labels }: SessionTerms,
  remainingMs: number,
): SessionInfo {
  return create(SessionInfoSchema, {
    instance,
    ttl: durationFromMs(ttlMs),
    disconnectGrace: durationFromMs(graceMs),
    labels: Object.fromEntries(labels),
    remaining: durationFromMs(Math.round(remainingMs)),
  });
}

function estimateBytes(labels: Metadata): number {
  let bytes = ITEM_BYTES;
  for (const [key, value] of labels) bytes += 8 + utf8Length(key) + utf8Length(value);
  return bytes;
}
