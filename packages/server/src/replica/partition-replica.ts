// SPDX-License-Identifier: Apache-2.0
/**
 * One replica of one partition: its state machine joined to its log.
 *
 * Entries go in one after another and to the end: the state, then the sessions' deadlines, then who
 * waits for a reply, then who watches. It holds no rule of its own; those stand in `@conclave/fsm`
 * and in the parts that it puts together.
 */

import type { Clock, LoopWatch, Prng } from "@conclave/base";
import {
  type Applied,
  apply,
  type Change,
  createHistory,
  createPartition,
  decodeEntry,
  type ElectionView,
  type History,
  listKeys,
  type OpenSession,
  type PartitionState,
  type PrimitiveKey,
  type Resumption,
  recordChanges,
  restore,
  resume,
  type SessionId,
  type SessionView,
  sessionOf,
  snapshot,
  unchangedSince,
} from "@conclave/fsm";
import { Attachments } from "./attachments.ts";
import type { CandidacyListener } from "./candidacies.ts";
import { ConfirmRounds, type RoundMember } from "./confirm-rounds.ts";
import { Contact } from "./contact.ts";
import type { AttachmentId } from "./deadlines.ts";
import type { ForwardCalls } from "./forward-calls.ts";
import { Forwarding } from "./forwarding.ts";
import { Leadership } from "./leadership.ts";
import type { NodeObserver } from "./node-observer.ts";
import type { Submission, SubmissionOutcome } from "./proposals.ts";
import type { ArrivedRenewal, LeaseOutcome } from "./renewals.ts";
import type {
  CommittedEntry,
  LogListener,
  LogRole,
  LogSnapshot,
  OpenLog,
  ReplicatedLog,
} from "./replicated-log.ts";
import { homeOf } from "./routing.ts";
import { frameChunks, splitChunks } from "./snapshot-frames.ts";
import { Submissions } from "./submissions.ts";
import { viewOrVacant } from "./vacant-view.ts";
import type { Watch, WatchedPartition } from "./watch.ts";
import { type KeyPrefix, WatchIndex } from "./watch-index.ts";

export interface PartitionOptions {
  readonly number: number;
  readonly partitionCount: number;
  readonly clock: Clock;
  readonly loop: LoopWatch;
  /** The partition's own. */
  readonly prng: Prng;
  readonly calls: ForwardCalls;
  readonly logTimeMs: () => number;
  readonly observer: NodeObserver | undefined;
  /** Undefined: the history's own. */
  readonly historyChangesMax: number | undefined;
  readonly openLog: OpenLog;
  /** Another node leads, or none, or this one. */
  readonly leaderChanged: () => void;
  /** The list of the cluster's members, of which partition 1 has the state, is another one now. */
  readonly membersChanged: () => void;
  /** The replica can go on no more: its log failed, or holds what this version does not understand. */
  readonly failed: (detail: string) => void;
}

/** How many keys a page of a snapshot or a list holds at most; a page is read in one turn. */
const PAGE_KEYS_MAX = 256;

/** Must not throw, and changes nothing. */
type AppliedListener = (applied: Applied | undefined) => void;

export class PartitionReplica implements WatchedPartition {
  readonly number: number;
  readonly watchers: WatchIndex<Watch> = new WatchIndex();
  readonly #options: PartitionOptions;
  readonly #log: ReplicatedLog;
  readonly #rounds: ConfirmRounds;
  /** For this node's clients, and for those of other nodes, which go no further. */
  readonly leadership: Leadership;
  readonly #forwarding: Forwarding;
  readonly #submissions: Submissions;
  readonly #contact: Contact;
  readonly #attachments: Attachments;
  #state: PartitionState = createPartition();
  #history: History;
  /** Of the last entry that went into the state: the log counts it when we have said that it did. */
  #lastIndex = 0;
  readonly #appliedListeners = new Set<AppliedListener>();
  #hasFailed = false;

  constructor(options: PartitionOptions) {
    this.#options = options;
    this.#history = this.#historyFrom(0n);
    const { number, clock, loop, prng, calls, logTimeMs } = options;
    this.number = number;
    const log = options.openLog(number, this.#listener());
    this.#log = log;
    const role = (): LogRole => log.role;
    const monotonicMs = (): number => clock.monotonicMs();
    const appliedIndex = (): number => Math.max(this.#lastIndex, log.appliedIndex);
    this.#rounds = new ConfirmRounds({
      role,
      appliedIndex,
      confirm: () => (log.role.kind === "leader" ? log.confirm() : this.#forwarding.confirm()),
      monotonicMs,
      prng: prng.child("rounds"),
      ended: (tookMs, hasPassed) => options.observer?.roundEnded(tookMs, hasPassed),
    });
    const [rounds, state] = [this.#rounds, (): PartitionState => this.#state];
    this.leadership = new Leadership({ log, rounds, loop, monotonicMs, logTimeMs, state });
    this.#forwarding = new Forwarding({
      partition: number,
      calls,
      role,
      appliedIndex,
      revision: () => this.#state.revision,
      monotonicMs,
    });
    this.#submissions = new Submissions({
      role,
      own: this.leadership,
      forwarding: this.#forwarding,
      monotonicMs,
      prng: prng.child("submissions"),
      settled: (outcome) => options.observer?.submitted(outcome),
    });
    this.#contact = new Contact(this.#rounds, () => {
      for (const watch of this.watchers.all()) watch.contactChanged();
    });
    this.#attachments = new Attachments({
      partition: number,
      rounds,
      openSession: (id) => {
        const session = this.session(id);
        return session === "ended" ? undefined : session;
      },
      revision: () => this.#state.revision,
    });
  }

  get role(): LogRole {
    return this.#log.role;
  }

  get isLeader(): boolean {
    return this.#log.role.kind === "leader";
  }

  get revision(): bigint {
    return this.#state.revision;
  }

  get isCaughtUp(): boolean {
    return this.#attachments.isCaughtUp;
  }

  get hasContact(): boolean {
    return this.#contact.hasContact;
  }

  /** For reads only: a change goes through the log. */
  get state(): PartitionState {
    return this.#state;
  }

  isHomeOf(key: PrimitiveKey): boolean {
    return homeOf(key.name, this.#options.partitionCount) === this.number;
  }

  /** One election; of one that does not exist, a vacant view with the last term that is known. */
  view(key: PrimitiveKey): ElectionView {
    return viewOrVacant(this.#state, key);
  }

  page({ primitive, namespace, prefix }: KeyPrefix, after?: string): readonly PrimitiveKey[] {
    const query = { kind: primitive, namespace, prefix, limit: PAGE_KEYS_MAX };
    return listKeys(this.#state, after === undefined ? query : { ...query, after });
  }

  missedSince(afterRevision: bigint, isWanted: (change: Change) => boolean): Resumption {
    return resume(this.#history, { afterRevision, isWanted });
  }

  unchangedSince(key: PrimitiveKey): bigint | undefined {
    return unchangedSince(this.#state, key);
  }

  session(sessionId: SessionId): SessionView | "ended" | undefined {
    return sessionOf(this.#state, sessionId);
  }

  /**
   * Calls `listener` with all that each entry brings about, before those who wait for its replies hear
   * of it; with undefined when the state was replaced by another node's. Returns what ends that.
   */
  onApplied(listener: AppliedListener): () => void {
    this.#appliedListeners.add(listener);
    return () => this.#appliedListeners.delete(listener);
  }

  /** By the leader, whichever node that is, within the submission's patience. */
  submit(submission: Submission): void {
    this.#submissions.submit(submission, undefined, submission.settle);
  }

  /**
   * Registers a session, and applies what comes with it in the same entry.
   *
   * @param attachment what it came through, if the end of that will be reported.
   * @param settle `isLeased`: the lease counts from the sending of this request.
   */
  register(
    opening: OpenSession,
    submission: Omit<Submission, "settle">,
    attachment: AttachmentId | undefined,
    settle: (outcome: SubmissionOutcome, isLeased: boolean) => void,
  ): void {
    const commands = [opening, ...submission.commands];
    this.#submissions.submit({ ...submission, commands }, attachment, settle);
  }

  /** Ends a session by its own will. Once it has reached the leader no renewal is acknowledged. */
  closeSession(sessionId: SessionId, submission: Omit<Submission, "commands">): void {
    this.submit({ ...submission, commands: [{ kind: "close-session", sessionId }] });
  }

  /** A round of whichever node leads; it passes when this replica has applied what that confirmed. */
  barrier(member: RoundMember): void {
    this.#rounds.join(member);
  }

  /** By the leader that is known now, or not at all: a renewal is sent on at most once. */
  renew(renewal: ArrivedRenewal): void {
    const arrivedMs = this.#options.clock.monotonicMs();
    const settle = (lease: LeaseOutcome): void => {
      if (lease.kind === "confirmed") {
        this.#options.observer?.renewed(this.#options.clock.monotonicMs() - arrivedMs);
      }
      renewal.settle(lease);
    };
    const { role } = this.#log;
    if (role.kind === "leader") this.leadership.renew({ ...renewal, settle });
    else if (role.leader !== undefined) this.#forwarding.renew({ ...renewal, settle });
    else settle({ kind: "unconfirmed" });
  }

  /** Reports that the client ended an attachment. Lost where no leader is known: the TTL decides. */
  disconnect(sessionId: SessionId, attachment: AttachmentId): void {
    const { role } = this.#log;
    if (role.kind === "leader") {
      this.leadership.disconnect(sessionId, attachment);
      return;
    }
    // A registration that is under way is reported again once it has been answered, and applied here.
    const session = sessionOf(this.#state, sessionId);
    const hasGrace = session !== undefined && session !== "ended" && session.graceMs > 0;
    if (hasGrace && role.leader !== undefined) this.#forwarding.disconnect(sessionId, attachment);
  }

  /** Follows a session's own candidacies; begins once this replica is level with its leader. */
  attach(sessionId: SessionId, listener: CandidacyListener): () => void {
    return this.#attachments.attach(sessionId, listener);
  }

  /** To be called at every tick that was not late: patience ends, deadlines are judged. */
  tick(): void {
    const nowMs = this.#options.clock.monotonicMs();
    // A log moves over entries of its own without a word.
    this.#appliedMoved();
    this.#rounds.sweep(nowMs);
    this.leadership.sweep(nowMs);
    this.#forwarding.sweep(nowMs);
    this.#submissions.sweep(nowMs);
    this.#contact.sweep(nowMs);
    this.#attachments.catchUp();
    if (!this.#hasFailed) this.leadership.judge();
  }

  /** Takes no more commands of this node's clients; those under way are answered. */
  close(): void {
    this.#submissions.close();
    this.leadership.close();
  }

  /** Nobody waits for an answer, here or at another node. */
  get isIdle(): boolean {
    return this.#submissions.isIdle && this.leadership.isIdle;
  }

  #listener(): LogListener {
    return {
      committed: (entries) => this.#committed(entries),
      restored: (from) => this.#restored(from),
      roleChanged: (role) => this.#roleChanged(role),
      snapshot: () => frameChunks(snapshot(this.#state)),
      failed: ({ detail }) => this.#fail(detail),
    };
  }

  #committed(entries: readonly CommittedEntry[]): void {
    for (const entry of entries) {
      if (this.#hasFailed) return;
      const own = this.leadership.takeCommitted(entry);
      // What we proposed is at hand already: reading bytes back gives what was written (a property of
      // the codec), and takes a quarter of the time of a command.
      const decoded = own ?? decodeEntry(entry.bytes);
      if ("kind" in decoded && decoded.kind !== "entry") {
        // Never skipped: a replica that went on without it would differ from the others for ever.
        this.#fail(
          `entry ${entry.index} of partition ${this.number} is ${decoded.kind}: ${decoded.what}`,
        );
        return;
      }
      const applied = apply(this.#state, decoded.entry);
      this.#lastIndex = entry.index;
      this.#tellApplied(applied);
      this.leadership.applied(own, applied, entry.index);
      this.#tellWatchers(applied.changes);
      if (applied.membersChanged) this.#options.membersChanged();
    }
    this.#appliedMoved();
  }

  #tellApplied(applied: Applied | undefined): void {
    for (const listener of this.#appliedListeners) listener(applied);
  }

  #tellWatchers(changes: readonly Change[]): void {
    recordChanges(this.#history, changes);
    const isWatched = !this.watchers.isEmpty;
    for (const change of changes) {
      this.#attachments.publish(change);
      if (this.isCaughtUp) this.#options.observer?.changed(change);
      if (isWatched) {
        this.watchers.forEachOf(change.key, (watch) => watch.changed(this, change));
      }
    }
  }

  #historyFrom(floor: bigint): History {
    const { historyChangesMax: changesMax } = this.#options;
    return createHistory({ floor, ...(changesMax === undefined ? {} : { changesMax }) });
  }

  #restored(from: LogSnapshot): void {
    const chunks = splitChunks(from.bytes);
    const restored = chunks && restore(chunks);
    if (restored?.kind !== "restored") {
      const detail = restored === undefined ? "cut short" : restored.detail;
      this.#fail(`snapshot of partition ${this.number}: ${detail}`);
      return;
    }
    this.#state = restored.state;
    this.#lastIndex = from.index;
    this.#history = this.#historyFrom(restored.state.revision);
    this.#tellApplied(undefined);
    this.leadership.restored();
    for (const watch of this.watchers.all()) watch.end("replaced");
    this.#attachments.replaced();
    this.#options.membersChanged();
    this.#appliedMoved();
  }

  /** Whoever waited for this replica to get here. */
  #appliedMoved(): void {
    this.#rounds.appliedMoved();
    this.#forwarding.appliedMoved();
  }

  #roleChanged(role: LogRole): void {
    this.leadership.roleChanged();
    this.#forwarding.roleChanged();
    this.#submissions.roleChanged();
    this.#rounds.roleChanged();
    this.#contact.roleChanged(role, this.#options.clock.monotonicMs());
    this.#attachments.catchUp();
    this.#options.leaderChanged();
  }

  #fail(detail: string): void {
    if (this.#hasFailed) return;
    this.#hasFailed = true;
    this.#options.failed(detail);
  }
}
