// SPDX-License-Identifier: Apache-2.0
/**
 * Keeps the snapshot that a leader sends to one group: its chunks go to the disk as they come.
 *
 * One at a time; chunks that begin another one end the one before. What to do with it when it is
 * whole is its owner's business.
 */

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

export interface SnapshotReceiverOptions {
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

  constructor(options: SnapshotReceiverOptions) {
    this.#options = options;
  }

  write(chunk: SnapshotChunk): void {
    this.#work = this.#work.then(() => this.#write(chunk));
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
    if (writer.totalBytes < totalBytes) return;
    this.#incoming = undefined;
    const kept = await this.#options.store.keepSnapshot(this.#options.group, writer);
    if (kept.kind === "ok") await this.#options.received(snapshotIndex);
    else this.#options.refused();
  }

  async #begin(chunk: SnapshotChunk): Promise<void> {
    await this.#incoming?.writer?.abandon();
    const { snapshotIndex: index, snapshotRaftTerm: raftTerm, configuration } = chunk;
    const { store, group, refused } = this.#options;
    const begun = await store.beginSnapshot(group, { index, raftTerm, configuration });
    const writer = begun.kind === "ok" ? begun.value : undefined;
    this.#incoming = { index, raftTerm, writer };
    if (writer === undefined) refused();
  }
}
