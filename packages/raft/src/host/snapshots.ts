// SPDX-License-Identifier: Apache-2.0
/**
 * The snapshots of one group: when they are taken, how a leader's takes the place of the log, and
 * what the log may forget for their sake.
 *
 * While the state is walked nothing is applied (decision 0007). While an installed snapshot takes the
 * log's place the group takes no step at all, which lasts for one sync.
 */

import type { RaftEvent } from "../core/event.ts";
import { isInstalling, type RaftState } from "../core/state.ts";
import type { GroupListener } from "../group.ts";
import type { GroupId } from "../ids.ts";
import type { LogEntry } from "../log/entry.ts";
import type { LogStore } from "../store/log-store.ts";
import type { Applier } from "./applier.ts";
import { type Deferred, deferred } from "./deferred.ts";
import { isSendingSnapshot } from "./group-status.ts";
import type { GroupServices, LoopMember } from "./services.ts";
import { type SnapshotChunk, SnapshotReceiver } from "./snapshot-receiver.ts";
import { walkInSlices } from "./snapshot-walk.ts";

export interface SnapshotsOptions {
  readonly group: GroupId;
  readonly state: RaftState;
  readonly store: LogStore;
  readonly listener: GroupListener;
  readonly services: GroupServices;
  readonly applier: Applier;
  readonly member: LoopMember;
  readonly post: (event: RaftEvent) => void;
  /** The state machine and the log have begun anew behind `index`. */
  readonly replaced: (index: number) => void;
}

/** How long to wait after a snapshot could not be written. */
const RETRY_MS = 1_000;

export class Snapshots {
  readonly #options: SnapshotsOptions;
  readonly #receiver: SnapshotReceiver;
  /** Entries applied since the newest snapshot was taken. */
  #grownBytes = 0;
  #grownEntries = 0;
  #isRequested = false;
  #mayKeepTail = true;
  #notBeforeMs = 0;
  #isInstalling = false;
  #walking: Promise<void> | undefined;
  readonly #stopped: Deferred<void> = deferred();
  #isStopped = false;
  #compacting: Promise<void> = Promise.resolve();

  constructor(options: SnapshotsOptions) {
    this.#options = options;
    const { group, store, post, services } = options;
    this.#receiver = new SnapshotReceiver({
      clock: services.clock,
      group,
      store,
      received: (index) => this.#install(index),
      refused: () => post({ kind: "snapshot-refused" }),
    });
  }

  /** The log is being replaced: nothing is to be stepped. */
  get isInstalling(): boolean {
    return this.#isInstalling;
  }

  /** Counts what has been applied, and asks for a snapshot when it is time for one. */
  grown(entries: readonly LogEntry[]): void {
    for (const { bytes } of entries) this.#grownBytes += bytes.length;
    this.#grownEntries += entries.length;
    const { snapshotEveryBytes, snapshotEveryEntries } = this.#options.services.limits;
    const isLong = this.#grownEntries >= snapshotEveryEntries;
    if (isLong || this.#grownBytes >= snapshotEveryBytes) this.request({ mayKeepTail: true });
  }

  /** Asks the host for a turn to save a snapshot, unless one is under way or has just failed. */
  request({ mayKeepTail }: { readonly mayKeepTail: boolean }): void {
    const { services, member } = this.#options;
    if (!mayKeepTail) this.#mayKeepTail = false;
    if (this.#isRequested || services.clock.monotonicMs() < this.#notBeforeMs) return;
    this.#isRequested = true;
    services.snapshot(member);
  }

  /** Keeps a snapshot of what has been applied, or finds that the newest one will do. */
  async save(): Promise<void> {
    const { group, store, state, applier, services, post } = this.#options;
    const mayKeepTail = this.#mayKeepTail;
    this.#mayKeepTail = true;
    if (mayKeepTail && isSendingSnapshot(state)) {
      // A newer one would end the one on its way, and on a slow path so for ever.
      this.#notBeforeMs = services.clock.monotonicMs() + RETRY_MS;
      this.#isRequested = false;
      return;
    }
    const newest = store.newestSnapshot(group);
    if (applier.appliedIndex > (newest?.head.index ?? 0) && !this.#isInstalling) {
      await this.#take(mayKeepTail);
    } else if (newest?.head.index === applier.appliedIndex && !mayKeepTail) {
      const { head, totalBytes: bytes } = newest;
      post({ kind: "snapshotted", index: head.index, bytes, mayKeepTail });
    }
    this.#isRequested = false;
  }

  /** What a leader sends of its snapshot is to be dropped for now. */
  get isBusy(): boolean {
    return this.#receiver.isBusy;
  }

  /** Keeps a part of what a leader sends. */
  receive(chunk: SnapshotChunk): void {
    this.#receiver.write(chunk);
  }

  /** The log forgets its entries up to `to`. */
  compact(to: number): void {
    const { group, store } = this.#options;
    this.#compacting = Promise.all([this.#compacting, store.compact(group, to)]).then(() => {});
  }

  /** Gives up what is under way; resolves when nothing is. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#stopped.resolve();
    await this.#walking;
    await this.#receiver.abandon();
    await this.#compacting;
  }

  async #take(mayKeepTail: boolean): Promise<void> {
    const { group, state, store, services, applier, post } = this.#options;
    applier.hold();
    const { appliedIndex: index } = applier;
    const head = {
      index,
      raftTerm: state.log.raftTermAt(index),
      configuration: state.configurations.at(index),
    };
    const bytesAtStart = this.#grownBytes;
    const entriesAtStart = this.#grownEntries;
    const begun = await store.beginSnapshot(group, head);
    let isWalked = false;
    if (begun.kind === "ok") {
      const walk = this.#walk(begun.value);
      this.#walking = walk.then(() => {});
      isWalked = await walk;
      this.#walking = undefined;
    }
    applier.release();
    if (begun.kind === "ok" && !isWalked) {
      await begun.value.abandon();
      return;
    }
    const kept = begun.kind === "ok" ? await store.keepSnapshot(group, begun.value) : begun;
    if (kept.kind === "fault" || begun.kind === "fault") {
      this.#notBeforeMs = services.clock.monotonicMs() + RETRY_MS;
      return;
    }
    // One that a leader sent has overtaken it.
    if (store.newestSnapshot(group)?.head.index !== index) return;
    this.#grownBytes -= bytesAtStart;
    this.#grownEntries -= entriesAtStart;
    post({ kind: "snapshotted", index, bytes: begun.value.totalBytes, mayKeepTail });
  }

  #walk(writer: Parameters<typeof walkInSlices>[1]): Promise<boolean> {
    const { listener, services } = this.#options;
    return walkInSlices(listener.snapshot(), writer, services.clock, () => this.#rest());
  }

  /** Until the loop has gone round: sockets are read and other timers have fired. */
  async #rest(): Promise<boolean> {
    const { services } = this.#options;
    const { promise, resolve } = deferred<void>();
    const cancel = services.clock.setTimer(0, resolve);
    await Promise.race([promise, this.#stopped.promise]);
    cancel();
    return !this.#isStopped && services.isRunning();
  }

  /** Puts a leader's snapshot, which is durable, in the place of the state and the log. */
  async #install(index: number): Promise<void> {
    const { group, state, store, listener, services, applier, post, replaced } = this.#options;
    const reading = await store.readSnapshot(group);
    if (this.#isStopped || !services.isRunning()) return;
    if (reading.kind !== "read") {
      const detail = `the snapshot just received does not read back: ${reading.kind}`;
      services.fail({ kind: "disk-failed", detail });
      return;
    }
    const { snapshot } = reading;
    // Somebody may be walking the state, as of an entry before.
    await Promise.race([applier.holdAlone(), this.#stopped.promise]);
    if (this.#isStopped) return;
    // What the disk refused of an earlier one may have made the algorithm forget this one.
    const isAwaited = isInstalling(state) && state.incoming?.snapshot.index === index;
    if (isAwaited && snapshot.index === index) {
      this.#isInstalling = true;
      const base = { index, raftTerm: snapshot.raftTerm };
      const { promise, resolve } = deferred<void>();
      services.persist([{ kind: "reset", group, base }], resolve);
      // On a full disk it may not come about before the host stops.
      await Promise.race([promise, this.#stopped.promise]);
      if (this.#isStopped) return;
      applier.jumpTo(index);
      listener.restored(snapshot);
      this.#grownBytes = 0;
      this.#grownEntries = 0;
      this.#isInstalling = false;
      replaced(index);
    } else {
      post({ kind: "snapshot-refused" });
    }
    applier.release();
  }
}
