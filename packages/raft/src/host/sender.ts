// SPDX-License-Identifier: Apache-2.0
/**
 * Fills what one group sends with the bytes that the algorithm does not hold: entries from memory or
 * the log on disk, parts of the newest snapshot's file.
 *
 * To one replica they leave in the order in which they were given out; a message that waits for the
 * disk holds back those that carry bytes behind it, and nothing else. What was to be sent by a
 * leadership that has ended meanwhile is dropped: the log may say something else by now.
 */

import type { OutgoingMessage, RaftMessage } from "../core/message.ts";
import type { GroupId, ReplicaId } from "../ids.ts";
import type { LogEntry } from "../log/entry.ts";
import type { Rot } from "../store/finding.ts";
import type { LogStore } from "../store/log-store.ts";
import type { EntryCache } from "./entry-cache.ts";

type Filled = Extract<RaftMessage, { readonly kind: "append-entries" | "install-snapshot" }>;
type ToFill = Extract<OutgoingMessage, { readonly kind: "append-entries" | "install-snapshot" }>;
type Append = Extract<OutgoingMessage, { readonly kind: "append-entries" }>;
type Install = Extract<OutgoingMessage, { readonly kind: "install-snapshot" }>;

export interface SenderOptions {
  readonly group: GroupId;
  readonly store: LogStore;
  readonly cache: EntryCache;
  /** Puts it into the frame of this turn. */
  readonly send: (to: ReplicaId, message: RaftMessage) => void;
  /** This member still leads in that raftTerm. */
  readonly isLeading: (raftTerm: number) => boolean;
  /** What was to be sent is no longer on the disk. */
  readonly unavailable: (to: ReplicaId) => void;
  readonly damaged: (rot: Rot) => void;
  readonly diskFailed: (detail: string) => void;
}

type Bytes<T> =
  | { readonly kind: "read"; readonly value: T }
  | { readonly kind: "gone" }
  | { readonly kind: "failed" };

export class Sender {
  readonly #options: SenderOptions;
  /** Of each replica to which something waits for the disk: that, and what waits behind it. */
  readonly #waiting = new Map<ReplicaId, ToFill[]>();
  #reading: Promise<void> = Promise.resolve();

  constructor(options: SenderOptions) {
    this.#options = options;
  }

  send(to: ReplicaId, message: OutgoingMessage): void {
    if (message.kind !== "append-entries" && message.kind !== "install-snapshot") {
      this.#options.send(to, message);
      return;
    }
    const waiting = this.#waiting.get(to);
    if (waiting !== undefined) {
      waiting.push(message);
      return;
    }
    const filled = this.#fillFromMemory(message);
    if (filled !== undefined) {
      this.#options.send(to, filled);
      return;
    }
    const queue = [message];
    this.#waiting.set(to, queue);
    this.#reading = Promise.all([this.#reading, this.#drain(to, queue)]).then(() => {});
  }

  /** Resolves when no read is under way. */
  async quiet(): Promise<void> {
    await this.#reading;
  }

  #fillFromMemory(message: ToFill): Filled | undefined {
    if (message.kind === "install-snapshot") {
      return message.length === 0 ? withBytes(message, new Uint8Array(0)) : undefined;
    }
    const { from, through } = message;
    const entries = this.#options.cache.range(from, through);
    return entries.length > through - from ? withEntries(message, entries) : undefined;
  }

  async #drain(to: ReplicaId, queue: ToFill[]): Promise<void> {
    const { isLeading, send, unavailable } = this.#options;
    for (let next = queue[0]; next !== undefined; next = queue[0]) {
      const filled = isLeading(next.raftTerm)
        ? ((this.#fillFromMemory(next) ?? (await this.#fillFromDisk(next))) as Filled | "gone")
        : undefined;
      queue.shift();
      if (filled === undefined || !isLeading(next.raftTerm)) continue;
      if (filled === "gone") {
        // Those behind it would leave a hole.
        queue.length = 0;
        unavailable(to);
      } else {
        send(to, filled);
      }
    }
    this.#waiting.delete(to);
  }

  async #fillFromDisk(message: ToFill): Promise<Filled | "gone" | undefined> {
    if (message.kind === "append-entries") {
      const entries = await this.#entries(message);
      if (entries.kind === "read") return withEntries(message, entries.value);
      return entries.kind === "gone" ? "gone" : undefined;
    }
    const part = await this.#part(message);
    if (part.kind === "read") return withBytes(message, part.value);
    return part.kind === "gone" ? "gone" : undefined;
  }

  async #entries({ from, through }: Append): Promise<Bytes<readonly LogEntry[]>> {
    const { group, store, cache, damaged, diskFailed } = this.#options;
    const entries: LogEntry[] = [];
    while (from + entries.length <= through) {
      const next = from + entries.length;
      const inMemory = cache.range(next, through);
      entries.push(...inMemory);
      if (inMemory.length > 0) continue;
      const loaded = await store.load(group, next, through);
      if (loaded.kind === "loaded") entries.push(...loaded.entries);
      else if (loaded.kind === "gone") return loaded;
      else {
        if (loaded.kind === "rotten") damaged(loaded.rot);
        else diskFailed(loaded.detail);
        return { kind: "failed" };
      }
    }
    return { kind: "read", value: entries };
  }

  async #part({ snapshotIndex, offset, length }: Install): Promise<Bytes<Uint8Array>> {
    const { group, store, damaged, diskFailed } = this.#options;
    const bytes = new Uint8Array(length);
    let filled = 0;
    while (filled < length) {
      const part = await store.readSnapshotPart(
        group,
        snapshotIndex,
        offset + filled,
        length - filled,
      );
      if (part.kind === "gone") return part;
      if (part.kind !== "read") {
        if (part.kind === "rotten") damaged(part.rot);
        else diskFailed(part.detail);
        return { kind: "failed" };
      }
      bytes.set(part.bytes, filled);
      filled += part.bytes.length;
    }
    return { kind: "read", value: bytes };
  }
}

function withEntries(message: Append, entries: readonly LogEntry[]): Filled {
  const { kind, raftTerm, prevLogIndex, prevLogRaftTerm, leaderCommit } = message;
  return { kind, raftTerm, prevLogIndex, prevLogRaftTerm, entries, leaderCommit };
}

function withBytes(message: Install, bytes: Uint8Array): Filled {
  const { length: _, ...head } = message;
  return { ...head, bytes };
}
