// SPDX-License-Identifier: Apache-2.0
/**
 * Keeps the snapshot that a leader sends to one group: its chunks go to the disk as they come.
 *
 * One at a time; chunks that begin another one end the one before. What to do with it when it is
 * whole is its owner's business.
 */

import type { Clock } from "@conclave/base";
import type { Effect } from "../core/effect.ts";
import type { GroupId } from "../ids.ts";
import type { LogStore } from "../store/log-store.ts";
import type { SnapshotWriter } from "../store/snapshot-writer.ts";

export type SnapshotChunk = Extract<Effect, { readonly kind: "write-snapshot-chunk" }>;

interface Incoming {
  readonly index: number;
  readonly raftTerm: number;
  /** Undefined when the disk has refused it: what still comes of it is dropped. */
  writer: SnapshotWriter | undefined;
}

/** What may wait to be written: as much as a leader sends ahead, twice. */
const QUEUED_BYTES_MAX: number = 2 * 1024 * 1024;
/** A disk that has refused a snapshot is not asked again at once. */
const RETRY_MS = 1_000;

export interface SnapshotReceiverOptions {
  readonly clock: Pick<Clock, "monotonicMs">;
  readonly group: GroupId;
  readonly store: LogStore;
  /** It is durable and the newest of the group. Nothing more is written before this is done. */
  readonly received: (index: number) => Promise<void>;
  /** The disk refused it; the leader has to begin again. */
  readonly refused: () => void;
}

export class SnapshotReceiver {
  readonly #options: SnapshotReceiverOptions;
  #incoming: Incoming | undefined;
  #work: Promise<void> = Promise.resolve();
  #queuedBytes = 0;
  #notBeforeMs = 0;

  constructor(options: SnapshotReceiverOptions) {
    this.#options = options;
  }

  /** No more is taken now; what a leader sends meanwhile is as if it had been lost on the way. */
  get isBusy(): boolean {
    const isRefusing = this.#options.clock.monotonicMs() < this.#notBeforeMs;
    return isRefusing || this.#queuedBytes > QUEUED_BYTES_MAX;
  }

  write(chunk: SnapshotChunk): void {
    this.#queuedBytes += chunk.bytes.length;
    this.#work = this.#work.then(async () => {
      await this.#write(chunk);
      this.#queuedBytes -= chunk.bytes.length;
    });
  }

  /** Gives up what has not come to its end. */
  async abandon(): Promise<void> {
    await this.#work;
    await this.#incoming?.writer?.abandon();
    this.#incoming = undefined;
  }

  async #write(chunk: SnapshotChunk): Promise<void> {
    if (chunk.offset === 0) await this.#begin(chunk);
    const { snapshotIndex, snapshotRaftTerm, offset, bytes, totalBytes } = chunk;
    const incoming = this.#incoming;
    const isOfIt =
      incoming?.index === snapshotIndex &&
      incoming.raftTerm === snapshotRaftTerm &&
      incoming.writer?.totalBytes === offset;
    if (!isOfIt || incoming.writer === undefined) return;
    const { writer } = incoming;
    for (let at = 0; at < bytes.length; ) {
      const piece = bytes.subarray(at, at + writer.roomBytes);
      await writer.append(piece);
      at += piece.length;
    }
    if (writer.totalBytes < totalBytes && !writer.hasFailed) return;
    this.#incoming = undefined;
    const { store, group, received } = this.#options;
    const kept = await store.keepSnapshot(group, writer);
    if (kept.kind === "ok") await received(snapshotIndex);
    else this.#refuse();
  }

  async #begin(chunk: SnapshotChunk): Promise<void> {
    await this.#incoming?.writer?.abandon();
    const { snapshotIndex: index, snapshotRaftTerm: raftTerm, configuration } = chunk;
    const { store, group } = this.#options;
    const begun = await store.beginSnapshot(group, { index, raftTerm, configuration });
    const writer = begun.kind === "ok" ? begun.value : undefined;
    this.#incoming = { index, raftTerm, writer };
    if (writer === undefined) this.#refuse();
  }

  #refuse(): void {
    this.#notBeforeMs = this.#options.clock.monotonicMs() + RETRY_MS;
    this.#options.refused();
  }
}
