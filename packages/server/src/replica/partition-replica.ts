// SPDX-License-Identifier: Apache-2.0
/**
 * One replica of one partition: its state machine joined to its log.
 *
 * Entries go in one after another and to the end: the state, then the sessions' deadlines, then who
 * waits for a reply, then who watches. It holds no rule of its own; those stand in `@conclave/fsm`
 * and in the parts that it puts together.
 */

import type { Clock, LoopWatch } from "@conclave/base";
import {
  type Applied,
  apply,
  type Change,
  checkFence,
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
  sessions,
  snapshot,
  unchangedSince,
  viewOf,
} from "@conclave/fsm";
import { Candidacies, type CandidacyListener } from "./candidacies.ts";
import { ConfirmRounds, type RoundMember } from "./confirm-rounds.ts";
import { type AttachmentId, Deadlines } from "./deadlines.ts";
import { reportDisconnect } from "./disconnects.ts";
import { Expiries } from "./expiries.ts";
import { Proposals, type Submission, type SubmissionOutcome } from "./proposals.ts";
import { type ArrivedRenewal, type Registration, Renewals } from "./renewals.ts";
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
import type { Watch, WatchedPartition } from "./watch.ts";
import { type KeyPrefix, WatchIndex } from "./watch-index.ts";

export interface PartitionOptions {
  readonly number: number;
  readonly partitionCount: number;
  readonly clock: Clock;
  readonly loop: LoopWatch;
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

export class PartitionReplica implements WatchedPartition {
  readonly number: number;
  readonly watchers: WatchIndex<Watch> = new WatchIndex();
  readonly #options: PartitionOptions;
  readonly #log: ReplicatedLog;
  readonly #rounds: ConfirmRounds;
  readonly #proposals: Proposals;
  readonly #deadlines = new Deadlines();
  readonly #renewals: Renewals;
  readonly #expiries: Expiries;
  readonly #candidacies: Candidacies;
  #state: PartitionState = createPartition();
  #history: History = createHistory({ floor: 0n });
  #isCaughtUp = false;
  #hasFailed = false;
  #attaching: (() => void)[] = [];

  constructor(options: PartitionOptions) {
    this.#options = options;
    this.number = options.number;
    this.#log = options.openLog(options.number, this.#listener());
    this.#rounds = new ConfirmRounds(this.#log);
    this.#proposals = new Proposals(this.#log, options.clock);
    this.#candidacies = new Candidacies(options.number);
    const shared = {
      deadlines: this.#deadlines,
      rounds: this.#rounds,
      loop: options.loop,
      role: () => this.#log.role,
      monotonicMs: () => options.clock.monotonicMs(),
    };
    const registrationOf = (id: SessionId): Registration => this.#registrationOf(id);
    this.#renewals = new Renewals({ ...shared, registrationOf });
    this.#expiries = new Expiries({ ...shared, proposals: this.#proposals });
    this.#catchUp();
  }

  get role(): LogRole {
    return this.#log.role;
  }

  get revision(): bigint {
    return this.#state.revision;
  }

  get isCaughtUp(): boolean {
    return this.#isCaughtUp;
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
    const view = viewOf(this.#state, key);
    if (view !== undefined) return view;
    const { term, asOfRevision } = checkFence(this.#state, key, 0n);
    return { key, revision: 0n, term, reportedTerm: 0n, queue: [], asOfRevision };
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

  submit(submission: Submission): void {
    this.#proposals.submit(submission);
  }

  barrier(member: RoundMember): void {
    this.#rounds.join(member);
  }

  renew(renewal: ArrivedRenewal): void {
    this.#renewals.arrive(renewal);
  }

  /** Reports that the client ended an attachment. */
  disconnect(sessionId: SessionId, attachment: AttachmentId): void {
    const [deadlines, renewals] = [this.#deadlines, this.#renewals];
    reportDisconnect({ deadlines, renewals, loop: this.#options.loop }, sessionId, attachment);
  }

  /**
   * Registers a session, and applies what comes with it in the same entry.
   *
   * @param settle `isLeased`: the lease counts from the sending of this request.
   */
  register(
    opening: OpenSession,
    submission: Submission,
    attachment: AttachmentId | undefined,
    settle: (outcome: SubmissionOutcome, isLeased: boolean) => void,
  ): void {
    const arrivedMs = this.#options.loop.loopNowMs();
    const held = this.#deadlines.get(opening.sessionId);
    if (held !== undefined) held.holds++;
    this.submit({
      ...submission,
      commands: [opening, ...submission.commands],
      settle: (outcome) => {
        if (held !== undefined) held.holds--;
        const reply = outcome.kind === "replied" ? outcome.replies[0] : undefined;
        if (reply?.kind !== "session-opened") {
          settle(outcome, false);
          return;
        }
        const isLeased = this.#lease(opening.sessionId, attachment, arrivedMs);
        // One that was opened just now has no end in the log, whoever leads by now.
        settle(outcome, isLeased || !reply.already);
      },
    });
  }

  /** Ends a session by its own will. From here on no renewal of it is acknowledged. */
  closeSession(sessionId: SessionId, submission: Omit<Submission, "commands">): void {
    const record = this.#deadlines.get(sessionId);
    if (record !== undefined) record.endings++;
    this.submit({
      ...submission,
      commands: [{ kind: "close-session", sessionId }],
      settle: (outcome) => {
        // After `unknown` it stands: the entry may yet be applied.
        if (record !== undefined && outcome.kind === "not-applied") record.endings--;
        submission.settle(outcome);
      },
    });
  }

  /** Follows a session's own candidacies; begins once this replica is level with its leader. */
  attach(sessionId: SessionId, listener: CandidacyListener): () => void {
    let isDetached = false;
    let detach: (() => void) | undefined;
    const begin = (): void => {
      if (isDetached) return;
      const session = sessionOf(this.#state, sessionId);
      const view = session === "ended" ? undefined : session;
      detach = this.#candidacies.attach(sessionId, listener, view, this.#state.revision);
    };
    if (this.#isCaughtUp) begin();
    else this.#attaching.push(begin);
    return () => {
      isDetached = true;
      detach?.();
    };
  }

  /** To be called at every tick that was not late: patience ends, deadlines are judged. */
  tick(): void {
    const nowMs = this.#options.clock.monotonicMs();
    this.#rounds.sweep(nowMs);
    this.#proposals.sweep(nowMs);
    if (!this.#hasFailed) this.#expiries.judge();
  }

  /** Takes no more commands; those under way are answered. */
  close(): void {
    this.#proposals.close();
  }

  /** Nobody waits for an answer. */
  get isIdle(): boolean {
    return this.#proposals.isIdle;
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
      const own = this.#proposals.takeCommitted(entry);
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
      this.#tellDeadlines(applied);
      if (own !== undefined) this.#proposals.answer(own, applied.replies);
      this.#tellWatchers(applied.changes);
      if (applied.membersChanged) this.#options.membersChanged();
    }
    this.#rounds.appliedMoved();
  }

  #tellDeadlines({ sessionsOpened, sessionsEnded }: Applied): void {
    if (this.#log.role.kind !== "leader") return;
    const nowMs = this.#options.loop.loopNowMs();
    for (const opened of sessionsOpened) this.#deadlines.open(opened, nowMs);
    for (const { sessionId } of sessionsEnded) this.#deadlines.end(sessionId);
  }

  #tellWatchers(changes: readonly Change[]): void {
    recordChanges(this.#history, changes);
    const isWatched = !this.watchers.isEmpty;
    for (const change of changes) {
      this.#candidacies.publish(change);
      if (isWatched) {
        this.watchers.forEachOf(change.key, (watch) => watch.changed(this, change));
      }
    }
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
    this.#history = createHistory({ floor: restored.state.revision });
    for (const watch of this.watchers.all()) watch.end("replaced");
    this.#options.membersChanged();
    this.#rounds.appliedMoved();
  }

  #roleChanged(role: LogRole): void {
    const nowMs = this.#options.loop.loopNowMs();
    this.#deadlines.clear(nowMs);
    if (role.kind === "leader") {
      // It knows nothing of what others measured: everybody gets a full TTL from here.
      for (const session of sessions(this.#state)) this.#deadlines.open(session, nowMs);
    }
    this.#proposals.roleChanged();
    this.#rounds.roleChanged();
    this.#options.leaderChanged();
  }

  #registrationOf(sessionId: SessionId): Registration {
    const session = sessionOf(this.#state, sessionId);
    if (session === undefined) return { kind: "not-registered" };
    if (session === "ended") return { kind: "ended" };
    return { kind: "registered", officeRevision: session.officeRevision };
  }

  /** Counts a registration as a renewal that came through the attachment, unless an end stands. */
  #lease(sessionId: SessionId, attachment: AttachmentId | undefined, arrivedMs: number): boolean {
    const record = this.#deadlines.get(sessionId);
    if (record === undefined || record.endings > 0) return false;
    this.#deadlines.renew(record, arrivedMs);
    record.cause = "expired";
    record.attachment = attachment;
    return true;
  }

  #catchUp(): void {
    this.#rounds.join({
      giveUpAtMs: Number.POSITIVE_INFINITY,
      waitsForLeader: true,
      settle: (outcome) => {
        if (outcome.kind === "failed") return;
        this.#isCaughtUp = true;
        for (const begin of this.#attaching.splice(0)) begin();
      },
    });
  }

  #fail(detail: string): void {
    if (this.#hasFailed) return;
    this.#hasFailed = true;
    this.#options.failed(detail);
  }
}
