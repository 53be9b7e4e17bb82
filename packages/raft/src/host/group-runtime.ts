// SPDX-License-Identifier: Apache-2.0
/**
 * One group of a host: feeds its events to the algorithm and carries out what comes back.
 *
 * It writes nothing itself; what must be durable is handed to the host's loop, where the records of
 * all groups meet in one write.
 */

import { assert, unreachable } from "@conclave/base";
import type { Effect } from "../core/effect.ts";
import type { Proposal, RaftEvent } from "../core/event.ts";
import { createState, type RaftState, type RecoveredEntry } from "../core/state.ts";
import { start, step } from "../core/step.ts";
import type {
  CommittedEntry,
  ConfirmOutcome,
  Group,
  GroupListener,
  HostFailure,
  NotAppliedReason,
  ProposeOptions,
  ProposeOutcome,
  Role,
} from "../group.ts";
import type { GroupId } from "../ids.ts";
import type { LogEntry } from "../log/entry.ts";
import type { LogRecord } from "../store/log-record.ts";
import type { LogStore } from "../store/log-store.ts";
import type { GroupServices } from "./services.ts";

interface OpenProposal {
  readonly bytes: number;
  readonly resolve: (outcome: ProposeOutcome) => void;
}

/** How long to wait after a snapshot could not be written. */
const SNAPSHOT_RETRY_MS = 1_000;

export class GroupRuntime implements Group {
  readonly id: GroupId;
  role: Role = { kind: "follower", raftTerm: 0, leader: undefined };
  appliedIndex = 0;
  readonly #listener: GroupListener;
  readonly #services: GroupServices;
  #store: LogStore | undefined;
  #state: RaftState | undefined;
  #events: RaftEvent[] = [];
  #proposals: Proposal[] = [];
  readonly #open = new Map<number, OpenProposal>();
  /** Proposals in the log, by index, oldest first. */
  #inLog: { readonly index: number; readonly proposal: number }[] = [];
  readonly #reads = new Map<number, (outcome: ConfirmOutcome) => void>();
  #lastNumber = 0;
  #commitIndex = 0;
  #loading: Promise<void> | undefined;
  #grownBytes = 0;
  #grownEntries = 0;
  #isSnapshotting = false;
  #snapshotNotBeforeMs = 0;

  constructor(id: GroupId, listener: GroupListener, services: GroupServices) {
    this.id = id;
    this.#listener = listener;
    this.#services = services;
  }

  /** Takes up what the disk holds and begins to seek a leader. */
  begin(store: LogStore): void {
    const log = store.log(this.id);
    const { config, prng } = this.#services.core(this.id);
    const entries: RecoveredEntry[] = [];
    for (let i = log.base.index + 1; i <= log.lastIndex; i++) {
      entries.push({ raftTerm: log.raftTermAt(i), size: 0 });
    }
    this.#store = store;
    this.#state = createState(config, prng, {
      hardState: log.hardState,
      snapshot: {
        ...log.base,
        bytes: 0,
        configuration: { voters: [config.replica], outgoing: [], learners: [] },
      },
      entries,
    });
    this.appliedIndex = log.base.index;
    this.#commitIndex = log.base.index;
    this.role = { kind: "follower", raftTerm: log.hardState.raftTerm, leader: undefined };
    const snapshot = store.takeSnapshot(this.id);
    if (snapshot !== undefined) this.#listener.restored(snapshot);
    for (const effect of start(this.#state)) this.#perform(effect);
  }

  propose(bytes: Uint8Array, options: ProposeOptions = {}): Promise<ProposeOutcome> {
    const reason = this.#refusalOf(bytes, options);
    if (reason !== undefined) return Promise.resolve({ kind: "not-applied", reason });
    const { promise, resolve } = deferred<ProposeOutcome>();
    this.#lastNumber += 1;
    const proposal = this.#lastNumber;
    this.#services.admit(bytes.length);
    this.#open.set(proposal, { bytes: bytes.length, resolve });
    this.#proposals.push({ proposal, bytes, raftTerm: options.raftTerm });
    this.#services.wake(this);
    return promise;
  }

  confirm(): Promise<ConfirmOutcome> {
    if (!this.#services.isOpen()) {
      return Promise.resolve({ kind: "not-confirmed", reason: "stopped" });
    }
    const { promise, resolve } = deferred<ConfirmOutcome>();
    this.#lastNumber += 1;
    this.#reads.set(this.#lastNumber, resolve);
    this.post({ kind: "confirm", reads: [this.#lastNumber] });
    return promise;
  }

  /** Hands over an event for the next turn. */
  post(event: RaftEvent): void {
    this.#events.push(event);
    this.#services.wake(this);
  }

  /** Steps all that has gathered. Called from the loop. */
  turn(): void {
    const events = this.#events;
    this.#events = [];
    for (const event of events) this.#step(event);
    if (this.#proposals.length > 0) {
      const proposals = this.#proposals;
      this.#proposals = [];
      this.#step({ kind: "propose", proposals });
    }
    this.#deliver();
  }

  /** Answers everything that is open: what is in the log may yet be applied, the rest is not. */
  end(failure: HostFailure | undefined): void {
    const inLog = new Set(this.#inLog.map((entry) => entry.proposal));
    for (const [proposal, { resolve }] of this.#open) {
      const outcome: ProposeOutcome = inLog.has(proposal)
        ? { kind: "unknown" }
        : { kind: "not-applied", reason: "stopped" };
      resolve(outcome);
    }
    this.#open.clear();
    for (const resolve of this.#reads.values()) {
      resolve({ kind: "not-confirmed", reason: "stopped" });
    }
    this.#reads.clear();
    this.#proposals = [];
    this.#events = [];
    if (failure !== undefined) this.#listener.failed(failure);
  }

  /** Resolves when no read of the disk is under way. */
  async quiet(): Promise<void> {
    await this.#loading;
  }

  /** Keeps a snapshot of what has been applied. Called from the loop, one group at a time. */
  async saveSnapshot(): Promise<void> {
    const store = this.#store;
    assert(store !== undefined && this.#state !== undefined, "R6: a snapshot is of a begun group");
    const index = this.appliedIndex;
    if (index > this.#state.log.base.index) {
      const base = { index, raftTerm: this.#state.log.raftTermAt(index) };
      const bytesAtStart = this.#grownBytes;
      const entriesAtStart = this.#grownEntries;
      const saved = await store.saveSnapshot(this.id, base, this.#listener.snapshot());
      if (saved.kind === "ok") {
        this.#grownBytes -= bytesAtStart;
        this.#grownEntries -= entriesAtStart;
        this.post({ kind: "snapshotted", index, bytes: 0 });
      } else {
        this.#snapshotNotBeforeMs = this.#services.clock.monotonicMs() + SNAPSHOT_RETRY_MS;
      }
    }
    this.#isSnapshotting = false;
  }

  /** Asks the host for a turn to save a snapshot, unless one is under way or has just failed. */
  requestSnapshot(): void {
    const isTooSoon = this.#services.clock.monotonicMs() < this.#snapshotNotBeforeMs;
    if (this.#isSnapshotting || isTooSoon) return;
    this.#isSnapshotting = true;
    this.#services.snapshot(this);
  }

  #refusalOf(bytes: Uint8Array, options: ProposeOptions): NotAppliedReason | undefined {
    if (!this.#services.isOpen()) return "stopped";
    if (this.role.kind !== "leader") return "not-leader";
    if (bytes.length > this.#services.limits.entryBytesMax) return "too-large";
    return this.#services.refusalForSpace(bytes.length, options.mayUseReserve ?? false);
  }

  #step(event: RaftEvent): void {
    assert(this.#state !== undefined, "R5: a group steps after it has begun");
    for (const effect of step(this.#state, event)) this.#perform(effect);
  }

  #perform(effect: Effect): void {
    switch (effect.kind) {
      case "persist":
        this.#persist(effect);
        return;
      case "apply":
        this.#commitIndex = effect.to;
        return;
      case "role":
        this.role = effect.role;
        this.#listener.roleChanged(effect.role);
        return;
      case "send":
      case "configuration":
      case "change-begun":
      case "change-refused":
      case "truncated":
      case "compact":
      case "write-snapshot-chunk":
        return;
      case "proposed":
        this.#inLog.push({ index: effect.index, proposal: effect.proposal });
        return;
      case "refused":
        this.#answer(effect.proposal, { kind: "not-applied", reason: effect.reason }, true);
        return;
      case "confirmed":
        this.#answerRead(effect.read, {
          kind: "confirmed",
          index: effect.index,
          raftTerm: effect.raftTerm,
        });
        return;
      case "not-confirmed":
        this.#answerRead(effect.read, { kind: "not-confirmed", reason: effect.reason });
        return;
      default:
        unreachable(effect);
    }
  }

  #persist(effect: Extract<Effect, { kind: "persist" }>): void {
    const group = this.id;
    const records: LogRecord[] = [];
    const { hardState, entries } = effect;
    if (hardState !== undefined) records.push({ kind: "hard-state", group, hardState });
    for (const entry of entries) records.push({ kind: "entry", group, entry });
    this.#services.persist(records, () => {
      for (const event of effect.thenStep) this.post(event);
    });
  }

  /** Gives the listener what is committed, as far as the bytes are in memory. */
  #deliver(): void {
    const store = this.#store;
    assert(store !== undefined, "R5: a group delivers after it has begun");
    while (this.appliedIndex < this.#commitIndex && this.#loading === undefined) {
      const entries: LogEntry[] = [];
      for (let i = this.appliedIndex + 1; i <= this.#commitIndex; i++) {
        const entry = store.log(this.id).cached(i);
        if (entry === undefined) break;
        entries.push(entry);
      }
      if (entries.length > 0) this.#apply(entries);
      else this.#loading = this.#load(store);
    }
  }

  #apply(entries: readonly LogEntry[]): void {
    const log = this.#store?.log(this.id);
    const proposals: CommittedEntry[] = [];
    let last = this.appliedIndex;
    for (const { index, raftTerm, type, bytes } of entries) {
      assert(index === last + 1, "R5: entries are applied in order and once");
      last = index;
      if (type === "proposal") proposals.push({ index, raftTerm, bytes });
      this.#grownBytes += bytes.length;
      log?.uncache(index);
    }
    this.#grownEntries += entries.length;
    if (proposals.length > 0) this.#listener.committed(proposals);
    this.appliedIndex = last;
    let answered = 0;
    for (const { index, proposal } of this.#inLog) {
      if (index > last) break;
      answered += 1;
      this.#answer(proposal, { kind: "applied", index }, false);
    }
    this.#inLog.splice(0, answered);
    this.#step({ kind: "applied", index: last });
    const { snapshotEveryBytes, snapshotEveryEntries } = this.#services.limits;
    const isLong = this.#grownEntries >= snapshotEveryEntries;
    if (isLong || this.#grownBytes >= snapshotEveryBytes) this.requestSnapshot();
  }

  async #load(store: LogStore): Promise<void> {
    const outcome = await store.load(this.id, this.appliedIndex + 1, this.#commitIndex);
    this.#loading = undefined;
    if (!this.#services.isRunning()) return;
    if (outcome.kind === "loaded") {
      this.#apply(outcome.entries);
      this.#services.wake(this);
    } else if (outcome.kind === "rotten") {
      const { file, offset } = outcome.rot;
      this.#services.fail({ kind: "damaged", detail: `${file} does not verify at ${offset}` });
    } else {
      this.#services.fail({ kind: "disk-failed", detail: outcome.detail });
    }
  }

  #answer(proposal: number, outcome: ProposeOutcome, isUnwritten: boolean): void {
    const open = this.#open.get(proposal);
    assert(open !== undefined, "R5: a proposal is answered once");
    this.#open.delete(proposal);
    if (isUnwritten) this.#services.release(open.bytes);
    open.resolve(outcome);
  }

  #answerRead(read: number, outcome: ConfirmOutcome): void {
    this.#reads.get(read)?.(outcome);
    this.#reads.delete(read);
  }
}

function deferred<T>(): { readonly promise: Promise<T>; readonly resolve: (value: T) => void } {
  let resolve: (value: T) => void = () => {};
  const promise = new Promise<T>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}
