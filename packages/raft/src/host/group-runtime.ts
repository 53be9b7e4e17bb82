// SPDX-License-Identifier: Apache-2.0
/**
 * One group of a host: feeds its events to the algorithm and carries out what comes back.
 *
 * It writes and sends nothing itself; what must be durable and what goes to other replicas is handed
 * to the host's loop, where that of all groups meets in one write and in one frame for each replica.
 */

import { assert, unreachable } from "@conclave/base";
import type { Effect } from "../core/effect.ts";
import type { Proposal, RaftEvent } from "../core/event.ts";
import type { RaftMessage } from "../core/message.ts";
import { createState, type RaftState } from "../core/state.ts";
import { start, step } from "../core/step.ts";
import type {
  ChangeOutcome,
  ConfirmOutcome,
  Group,
  GroupListener,
  GroupStatus,
  HostFailure,
  NotAppliedReason,
  ProposeOptions,
  ProposeOutcome,
  Role,
} from "../group.ts";
import { type GroupId, type NodeId, nodeOf, type ReplicaId } from "../ids.ts";
import type { LogEntry } from "../log/entry.ts";
import type { LogRecord } from "../store/log-record.ts";
import type { LogStore } from "../store/log-store.ts";
import { Applier } from "./applier.ts";
import { EntryCache } from "./entry-cache.ts";
import { mostAdvancedPeer, roleOf, statusOf } from "./group-status.ts";
import { OpenAnswers } from "./open-answers.ts";
import { OpenProposals } from "./open-proposals.ts";
import { recoveredOf } from "./recovered.ts";
import { Sender } from "./sender.ts";
import type { GroupServices } from "./services.ts";
import { Snapshots } from "./snapshots.ts";

/** What exists once the group has begun. */
interface Begun {
  readonly state: RaftState;
  readonly store: LogStore;
  readonly sender: Sender;
  readonly snapshots: Snapshots;
}

/**
 * Beats for which one that leads no more waits for what it had proposed: as long as the longest
 * election timeout, after which another leader has most likely committed or replaced it.
 */
const PATIENCE_BEATS = 24;

export class GroupRuntime implements Group {
  readonly id: GroupId;
  role: Role = { kind: "follower", raftTerm: 0, leader: undefined };
  readonly #listener: GroupListener;
  readonly #services: GroupServices;
  readonly #cache: EntryCache;
  readonly #applier: Applier;
  readonly #open = new OpenProposals();
  readonly #reads = new OpenAnswers<ConfirmOutcome>();
  readonly #changes = new OpenAnswers<ChangeOutcome>();
  #begun: Begun | undefined;
  #events: RaftEvent[] = [];
  #proposals: Proposal[] = [];
  #proposalBytes = 0;
  #waitingReads: number[] = [];
  #lastNumber = 0;
  #lostBeats = 0;
  #isBeat = false;

  constructor(id: GroupId, listener: GroupListener, services: GroupServices) {
    this.id = id;
    this.#listener = listener;
    this.#services = services;
    this.#cache = new EntryCache(services.limits.cacheBytesMax);
    this.#applier = new Applier({
      group: id,
      listener,
      cache: this.#cache,
      services,
      wake: () => services.wake(this),
      applied: (entries) => this.#applied(entries),
    });
  }

  get appliedIndex(): number {
    return this.#applier.appliedIndex;
  }

  /** Takes up what the disk holds and begins to seek a leader. */
  begin(store: LogStore): void {
    const { id } = this;
    const log = store.log(id);
    const { config, prng } = this.#services.core(id);
    const { recovered, cached } = recoveredOf(store, id, this.#services.bootstrap);
    const state = createState(config, prng, recovered);
    for (const entry of cached) this.#cache.add(entry);
    const sender = this.#sender(state, store);
    this.#begun = { state, store, sender, snapshots: this.#snapshots(state, store) };
    this.#applier.begin(store, log.base.index);
    this.role = { kind: "follower", raftTerm: log.hardState.raftTerm, leader: undefined };
    const snapshot = store.takeSnapshot(id);
    if (snapshot !== undefined) this.#listener.restored(snapshot);
    for (const effect of start(state)) this.#perform(effect);
    this.#services.wake(this);
  }

  propose(bytes: Uint8Array, options: ProposeOptions = {}): Promise<ProposeOutcome> {
    const reason = this.#refusalOf(bytes, options);
    if (reason !== undefined) return Promise.resolve({ kind: "not-applied", reason });
    const proposal = this.#nextNumber();
    this.#services.room().admit(bytes.length);
    this.#proposals.push({ proposal, bytes, raftTerm: options.raftTerm });
    this.#proposalBytes += bytes.length;
    this.#services.wake(this);
    return this.#open.open(proposal);
  }

  confirm(): Promise<ConfirmOutcome> {
    if (!this.#services.isOpen()) {
      return Promise.resolve({ kind: "not-confirmed", reason: "stopped" });
    }
    const read = this.#nextNumber();
    this.#waitingReads.push(read);
    this.#services.wake(this);
    return this.#reads.wait(read);
  }

  changeConfiguration(
    voters: readonly ReplicaId[],
    learners: readonly ReplicaId[],
  ): Promise<ChangeOutcome> {
    if (!this.#services.isOpen()) return Promise.resolve({ kind: "refused", reason: "stopped" });
    const change = this.#nextNumber();
    this.post({ kind: "change-configuration", change, voters, learners });
    return this.#changes.wait(change);
  }

  hold(): () => void {
    this.#applier.hold();
    let isHeld = true;
    return () => {
      if (isHeld) this.#applier.release();
      isHeld = false;
    };
  }

  transfer(toNode: NodeId): void {
    const state = this.#begun?.state;
    const voters = state?.configurations.inUse.configuration.voters ?? [];
    const to = voters.find((voter) => nodeOf(voter) === toNode);
    if (to !== undefined && state?.role.kind === "leader") this.post({ kind: "transfer", to });
  }

  /** Hands its leadership, if it has one, to the voter that is furthest. */
  stepAside(): void {
    const state = this.#begun?.state;
    const to = state === undefined ? undefined : mostAdvancedPeer(state);
    if (to !== undefined) this.post({ kind: "transfer", to });
  }

  status(): GroupStatus {
    return statusOf(this.#begun?.state, this.role, this.appliedIndex);
  }

  receive(from: ReplicaId, message: RaftMessage): void {
    const { snapshots } = this.#begun ?? {};
    // As if lost on the way: it comes again, and what waits here is bounded.
    const isDropped = message.kind === "install-snapshot" && snapshots?.isBusy;
    if (isDropped || snapshots?.isInstalling) return;
    this.post({ kind: "received", from, message });
  }

  /** A beat of the node's clock. */
  beat(): void {
    if (this.#begun?.snapshots.isInstalling) return;
    this.#isBeat = true;
    this.post({ kind: "tick" });
    const isLost = this.role.kind === "follower" && this.#open.hasAnyInLog;
    this.#lostBeats = isLost ? this.#lostBeats + 1 : 0;
    if (this.#lostBeats > PATIENCE_BEATS) this.#open.truncated(0);
  }

  /** Proposals wait for the write that is under way. */
  get hasGathered(): boolean {
    return this.#proposals.length > 0;
  }

  /** Hands over an event for the next turn. */
  post(event: RaftEvent): void {
    this.#events.push(event);
    this.#services.wake(this);
  }

  /** Steps all that has gathered. Called from the loop. */
  turn(): void {
    // The log is being replaced: what has come since is for the one that will be.
    if (this.#begun === undefined || this.#begun.snapshots.isInstalling) return;
    const events = this.#events;
    this.#events = [];
    for (const event of events) this.#step(event);
    const reads = this.#waitingReads;
    this.#waitingReads = [];
    if (reads.length > 0) this.#step({ kind: "confirm", reads });
    this.#stepProposals(this.#isBeat);
    this.#isBeat = false;
    this.#applier.deliver();
  }

  /** Answers everything that is open. */
  end(failure: HostFailure | undefined): void {
    this.#open.end();
    this.#reads.answerAll({ kind: "not-confirmed", reason: "stopped" });
    this.#changes.answerAll({ kind: "refused", reason: "stopped" });
    this.#proposals = [];
    this.#events = [];
    if (failure !== undefined) this.#listener.failed(failure);
  }

  /** Begins nothing more on the disk; resolves when nothing of this group is under way there. */
  async stop(): Promise<void> {
    await this.#applier.quiet();
    await this.#begun?.sender.quiet();
    await this.#begun?.snapshots.stop();
  }

  /** Keeps a snapshot of what has been applied. Called from the loop, one group at a time. */
  async saveSnapshot(): Promise<void> {
    await this.#begun?.snapshots.save();
  }

  /** Asks for a snapshot, so that the log behind it can go. */
  requestSnapshot(options: { readonly mayKeepTail: boolean }): void {
    this.#begun?.snapshots.request(options);
  }

  #refusalOf(bytes: Uint8Array, options: ProposeOptions): NotAppliedReason | undefined {
    if (!this.#services.isOpen()) return "stopped";
    if (this.role.kind !== "leader") return "not-leader";
    const { entryBytesMax, uncommittedBytesMax, uncommittedEntriesMax } = this.#services.limits;
    if (bytes.length > entryBytesMax) return "too-large";
    // While they gather for the next write, what is beyond these could not be taken anyway.
    const isTooMuch = this.#proposalBytes + bytes.length > uncommittedBytesMax;
    const isFirst = this.#proposals.length === 0;
    if (this.#proposals.length >= uncommittedEntriesMax || (isTooMuch && !isFirst)) {
      return "overloaded";
    }
    return this.#services.room().refusalOf(bytes.length, options.mayUseReserve ?? false);
  }

  /** A turn's proposals; while a write is under way they gather, for a beat at most. */
  #stepProposals(isBeat: boolean): void {
    if (this.#proposals.length === 0) return;
    if (this.#services.isWriting() && !isBeat) return;
    const proposals = this.#proposals;
    this.#proposals = [];
    this.#proposalBytes = 0;
    for (const { bytes } of proposals) this.#services.room().release(bytes.length);
    this.#step({ kind: "propose", proposals });
  }

  #step(event: RaftEvent): void {
    const state = this.#begun?.state;
    assert(state !== undefined, "R5: a group steps after it has begun");
    for (const effect of step(state, event)) this.#perform(effect);
  }

  #perform(effect: Effect): void {
    const begun = this.#begun;
    assert(begun !== undefined, "R5: a group acts after it has begun");
    switch (effect.kind) {
      case "persist":
        this.#persist(effect, begun.sender);
        return;
      case "send":
        begun.sender.send(effect.to, effect.message);
        return;
      case "apply":
        this.#applier.allow(effect.to);
        return;
      case "role":
        this.role = roleOf(effect.role);
        this.#listener.roleChanged(this.role);
        return;
      case "proposed": {
        const { raftTerm } = begun.state;
        this.#open.entered({ index: effect.index, raftTerm, proposal: effect.proposal });
        return;
      }
      case "refused":
        this.#open.refused(effect.proposal, effect.reason);
        return;
      case "confirmed": {
        const { kind, index, raftTerm } = effect;
        this.#reads.answer(effect.read, { kind, index, raftTerm });
        return;
      }
      case "not-confirmed":
        this.#reads.answer(effect.read, { kind: effect.kind, reason: effect.reason });
        return;
      case "change-begun":
        this.#changes.answer(effect.change, { kind: "begun", index: effect.index });
        return;
      case "change-refused":
        this.#changes.answer(effect.change, { kind: "refused", reason: effect.reason });
        return;
      case "configuration":
        // The algorithm keeps it, and `status` shows it.
        return;
      case "truncated":
        // The cache follows with the entries that come in their place.
        this.#open.truncated(effect.from);
        return;
      case "compact":
        begun.snapshots.compact(effect.to);
        return;
      case "write-snapshot-chunk":
        begun.snapshots.receive(effect);
        return;
      default:
        unreachable(effect);
    }
  }

  #persist(effect: Extract<Effect, { readonly kind: "persist" }>, sender: Sender): void {
    const group = this.id;
    const records: LogRecord[] = [];
    const { hardState, entries } = effect;
    if (hardState !== undefined) records.push({ kind: "hard-state", group, hardState });
    for (const entry of entries) {
      records.push({ kind: "entry", group, entry });
      this.#cache.add(entry);
    }
    this.#services.persist(records, () => {
      for (const event of effect.thenStep) this.post(event);
      for (const { to, message } of effect.thenSend) sender.send(to, message);
    });
  }

  #applied(entries: readonly LogEntry[]): void {
    this.#open.applied(entries);
    this.#step({ kind: "applied", index: this.appliedIndex });
    this.#begun?.snapshots.grown(entries);
  }

  #sender(state: RaftState, store: LogStore): Sender {
    return new Sender({
      group: this.id,
      store,
      cache: this.#cache,
      send: (to, message) => this.#services.send(to, this.id, message),
      isLeading: (raftTerm) => state.role.kind === "leader" && state.raftTerm === raftTerm,
      unavailable: (to) => this.post({ kind: "entries-unavailable", to }),
      damaged: ({ file, offset }) => {
        this.#services.fail({ kind: "damaged", detail: `${file} does not verify at ${offset}` });
      },
      diskFailed: (detail) => this.#services.fail({ kind: "disk-failed", detail }),
    });
  }

  #snapshots(state: RaftState, store: LogStore): Snapshots {
    return new Snapshots({
      group: this.id,
      state,
      store,
      listener: this.#listener,
      services: this.#services,
      applier: this.#applier,
      member: this,
      post: (event) => this.post(event),
      replaced: (index) => {
        this.#cache.clear();
        this.#events = this.#events.filter(({ kind }) => kind !== "snapshotted");
        // What was in the log that is no more, and what went into the new state, nobody here has seen.
        this.#open.truncated(0);
        this.#step({ kind: "snapshot-installed", snapshotIndex: index });
        this.#services.wake(this);
      },
    });
  }

  #nextNumber(): number {
    this.#lastNumber += 1;
    return this.#lastNumber;
  }
}
