// SPDX-License-Identifier: Apache-2.0
/**
 * What the leader of a partition does, for its own clients and for those of other nodes: proposes
 * commands, keeps deadlines, acknowledges renewals, ends sessions (semantics A2).
 *
 * It lives as long as the replica and is of use while that leads; else it says so at once. It does
 * not ask other nodes and does not wait for a leader.
 */

import type { LoopWatch } from "@conclave/base";
import {
  type Applied,
  type PartitionState,
  type SessionId,
  sessionOf,
  sessions,
} from "@conclave/fsm";
import type { ConfirmRounds } from "./confirm-rounds.ts";
import { type AttachmentId, Deadlines } from "./deadlines.ts";
import { reportDisconnect } from "./disconnects.ts";
import { Expiries } from "./expiries.ts";
import { type CommandBatch, type LedOutcome, Proposals, type ProposedEntry } from "./proposals.ts";
import { type ArrivedRenewal, type Registration, Renewals } from "./renewals.ts";
import type { CommittedEntry, ReplicatedLog } from "./replicated-log.ts";
import { StrictTurns, strictCallOf } from "./strict-turns.ts";

export interface LeadershipOptions {
  readonly log: ReplicatedLog;
  readonly rounds: ConfirmRounds;
  readonly loop: LoopWatch;
  readonly monotonicMs: () => number;
  readonly logTimeMs: () => number;
  /** The applied state; it is replaced when a snapshot is installed. */
  readonly state: () => PartitionState;
}

/** @param isLeased the session that was opened is leased from the sending of the request. */
export type LedSettled = (outcome: LedOutcome, isLeased: boolean) => void;

export class Leadership {
  readonly #options: LeadershipOptions;
  readonly #deadlines = new Deadlines();
  readonly #proposals: Proposals;
  readonly #turns: StrictTurns;
  readonly #renewals: Renewals;
  readonly #expiries: Expiries;

  constructor(options: LeadershipOptions) {
    this.#options = options;
    const { log, rounds, loop, monotonicMs } = options;
    this.#proposals = new Proposals(log, options.logTimeMs);
    this.#turns = new StrictTurns({
      isLeading: () => log.role.kind === "leader",
      monotonicMs,
      state: options.state,
      propose: (submission, settle) => this.#proposals.submit({ ...submission, settle }),
    });
    const shared = {
      deadlines: this.#deadlines,
      rounds,
      loop,
      role: () => log.role,
      monotonicMs,
    };
    const registrationOf = (id: SessionId): Registration => this.#registrationOf(id);
    this.#renewals = new Renewals({ ...shared, registrationOf });
    this.#expiries = new Expiries({ ...shared, proposals: this.#proposals });
  }

  /**
   * Proposes commands. Where the first one opens a session, that counts as a renewal which arrives
   * now; where it closes one, no renewal of it is acknowledged from here on.
   *
   * @param attachment what the opening came through, if an end of that will be reported.
   */
  submit(submission: CommandBatch, attachment: AttachmentId | undefined, settle: LedSettled): void {
    const [first] = submission.commands;
    const strict = strictCallOf(submission.commands);
    if (strict !== undefined) {
      this.#turns.submit(strict, submission, (outcome) => settle(outcome, false));
    } else if (first?.kind === "open-session") {
      this.#open(first.sessionId, submission, attachment, settle);
    } else if (first?.kind === "close-session") {
      this.#close(first.sessionId, submission, settle);
    } else {
      this.#proposals.submit({ ...submission, settle: (outcome) => settle(outcome, false) });
    }
  }

  renew(renewal: ArrivedRenewal): void {
    this.#renewals.arrive(renewal);
  }

  /** The client has ended an attachment. */
  disconnect(sessionId: SessionId, attachment: AttachmentId): void {
    const [deadlines, renewals] = [this.#deadlines, this.#renewals];
    reportDisconnect({ deadlines, renewals, loop: this.#options.loop }, sessionId, attachment);
  }

  /** How long a session has until it ends, unless it is renewed; undefined where this node does not lead. */
  remainingMs(sessionId: SessionId): number | undefined {
    const record = this.#deadlines.get(sessionId);
    if (record === undefined) return undefined;
    return Math.max(0, record.deadlineMs - this.#options.loop.loopNowMs());
  }

  /** The submissions of a committed entry, if they are this node's. */
  takeCommitted(entry: CommittedEntry): ProposedEntry | undefined {
    return this.#proposals.takeCommitted(entry);
  }

  /** To be called with every entry once it is applied, before anybody else hears of it. */
  applied(own: ProposedEntry | undefined, { replies, ...applied }: Applied, index: number): void {
    if (this.#options.log.role.kind === "leader") {
      const nowMs = this.#options.loop.loopNowMs();
      for (const opened of applied.sessionsOpened) this.#deadlines.open(opened, nowMs);
      for (const { sessionId } of applied.sessionsEnded) this.#deadlines.end(sessionId);
    }
    if (own !== undefined) this.#proposals.answer(own, replies, index);
    this.#turns.applied();
  }

  /** The state was replaced by another node's. */
  restored(): void {
    this.#proposals.restored();
    this.#turns.applied();
  }

  roleChanged(): void {
    const nowMs = this.#options.loop.loopNowMs();
    this.#deadlines.clear(nowMs);
    if (this.#options.log.role.kind === "leader") {
      // It knows nothing of what others measured: everybody gets a full TTL from here.
      for (const session of sessions(this.#options.state())) this.#deadlines.open(session, nowMs);
    }
    this.#proposals.roleChanged();
    this.#turns.roleChanged();
  }

  /** To be called at every tick that was not late: patience ends. */
  sweep(nowMs: number): void {
    this.#proposals.sweep(nowMs);
    this.#turns.sweep(nowMs);
  }

  /** Looks at the deadlines that have passed. */
  judge(): void {
    this.#expiries.judge();
  }

  /** Holds nothing any more until its turn comes: this node is about to stop. */
  close(): void {
    this.#turns.close();
  }

  /** Nobody waits for an answer. */
  get isIdle(): boolean {
    return this.#proposals.isIdle && this.#turns.isIdle;
  }

  #open(
    sessionId: SessionId,
    submission: CommandBatch,
    attachment: AttachmentId | undefined,
    settle: LedSettled,
  ): void {
    const arrivedMs = this.#options.loop.loopNowMs();
    const held = this.#deadlines.get(sessionId);
    if (held !== undefined) held.holds++;
    this.#proposals.submit({
      ...submission,
      settle: (outcome) => {
        if (held !== undefined) held.holds--;
        const reply = outcome.kind === "replied" ? outcome.replies[0] : undefined;
        if (reply?.kind !== "session-opened") {
          settle(outcome, false);
          return;
        }
        const isLeased = this.#lease(sessionId, attachment, arrivedMs, reply.already);
        // One that was opened just now has no end in the log, whoever leads by now.
        settle(outcome, isLeased || !reply.already);
      },
    });
  }

  #close(sessionId: SessionId, submission: CommandBatch, settle: LedSettled): void {
    const record = this.#deadlines.get(sessionId);
    if (record !== undefined) record.endings++;
    this.#proposals.submit({
      ...submission,
      settle: (outcome) => {
        // After `unknown` it stands: the entry may yet be applied.
        const isInNoLog = outcome.kind === "not-applied" || outcome.kind === "not-led";
        if (record !== undefined && isInNoLog) record.endings--;
        settle(outcome, false);
      },
    });
  }

  /** Counts a registration as a renewal that came through the attachment, unless an end stands. */
  #lease(
    sessionId: SessionId,
    attachment: AttachmentId | undefined,
    arrivedMs: number,
    wasOpen: boolean,
  ): boolean {
    const record = this.#deadlines.get(sessionId);
    if (record === undefined || record.endings > 0) return false;
    this.#deadlines.renew(record, arrivedMs);
    record.cause = "expired";
    if (!wasOpen) record.attachment = attachment;
    // It has no number, so it may have been overtaken by renewals through the attachment that the
    // session has gone to. The next renewal tells; until then no end of either starts the grace.
    else if (record.attachment !== attachment) record.attachment = undefined;
    return true;
  }

  #registrationOf(sessionId: SessionId): Registration {
    const session = sessionOf(this.#options.state(), sessionId);
    if (session === undefined) return { kind: "not-registered" };
    if (session === "ended") return { kind: "ended" };
    return { kind: "registered", officeRevision: session.officeRevision };
  }
}
