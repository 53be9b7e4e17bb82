// SPDX-License-Identifier: Apache-2.0
/**
 * Quorum rounds, shared: one `confirm()` for everything that waits for one.
 *
 * A round counts for what joined before it began and for nothing that came later (semantics A2).
 * One round is under way at a time; who joins meanwhile takes the next. A replica that does not lead
 * has its rounds made by the leader, for reads only.
 */

import type { Prng } from "@conclave/base";
import type { ConfirmOutcome, LogRole } from "./replicated-log.ts";
import { RetryPace } from "./retry-pace.ts";

/** Where rounds come from: the log where this node leads, else the node that does. */
export interface RoundSource {
  readonly role: () => LogRole;
  readonly appliedIndex: () => number;
  readonly confirm: () => Promise<ConfirmOutcome>;
  readonly monotonicMs: () => number;
  readonly prng: Pick<Prng, "below">;
  /** A round of this node's own leadership has ended. */
  readonly ended: (tookMs: number, hasPassed: boolean) => void;
}

export type RoundOutcome =
  /**
   * A quorum answered a round begun after joining, and what it had committed, which ends at
   * `index`, is applied here.
   */
  | { readonly kind: "passed"; readonly raftTerm: number; readonly index: number }
  | { readonly kind: "failed"; readonly reason: "no-leader" | "overloaded" | "stopped" };

export interface RoundMember {
  /** On the monotonic clock. At this time the answer is `no-leader`, whatever goes on. */
  readonly giveUpAtMs: number;
  /**
   * Reads: any leader's round will do, and one is waited for. Else it must be a round of this node's
   * own leadership, and without that it fails at once.
   */
  readonly waitsForLeader: boolean;
  /** The round begins now: what arrives after this call is not covered by it. */
  readonly begun?: () => void;
  readonly settle: (outcome: RoundOutcome) => void;
}

interface Round {
  members: RoundMember[];
  readonly asked: number;
  /** Set once the quorum has answered: passes when this index is applied. */
  confirmed?: { readonly index: number; readonly raftTerm: number };
}

export class ConfirmRounds {
  readonly #source: RoundSource;
  #waiting: RoundMember[] = [];
  #underWay: Round | undefined;
  #isScheduled = false;
  readonly #pace: RetryPace;

  constructor(source: RoundSource) {
    this.#source = source;
    this.#pace = new RetryPace(source.prng);
  }

  join(member: RoundMember): void {
    if (this.#source.role().kind !== "leader" && !member.waitsForLeader) {
      settleWithoutLeader(member);
      return;
    }
    this.#waiting.push(member);
    this.#schedule();
  }

  /** To be called when the log has applied more. */
  appliedMoved(): void {
    const round = this.#underWay;
    if (round?.confirmed === undefined || this.#source.appliedIndex() < round.confirmed.index)
      return;
    this.#underWay = undefined;
    const outcome: RoundOutcome = { kind: "passed", ...round.confirmed };
    for (const member of round.members) member.settle(outcome);
    this.#schedule();
  }

  roleChanged(): void {
    this.#pace.another();
    this.#schedule();
  }

  /** Gives up what has waited for its whole patience. */
  sweep(nowMs: number): void {
    this.#waiting = withoutOverdue(this.#waiting, nowMs);
    if (this.#underWay !== undefined) {
      this.#underWay.members = withoutOverdue(this.#underWay.members, nowMs);
    }
    this.#schedule();
  }

  get isIdle(): boolean {
    return this.#waiting.length === 0 && this.#underWay === undefined;
  }

  /** The round begins at the end of the turn, so that all that arrive in one turn share it. */
  #schedule(): void {
    if (this.#isScheduled || this.#underWay !== undefined || this.#waiting.length === 0) return;
    if (!this.#hasLeader || !this.#isTime) return;
    this.#isScheduled = true;
    queueMicrotask(() => {
      this.#isScheduled = false;
      if (this.#underWay === undefined && this.#hasLeader) this.#begin();
    });
  }

  /** Another node that has just said that it does not lead is not asked again at once. */
  get #isTime(): boolean {
    const { role, monotonicMs } = this.#source;
    return role().kind === "leader" || this.#pace.isDue(monotonicMs());
  }

  get #hasLeader(): boolean {
    const role = this.#source.role();
    return role.kind === "leader" || role.leader !== undefined;
  }

  #begin(): void {
    const isOwn = this.#source.role().kind === "leader";
    const joined = this.#waiting;
    const members = isOwn ? joined : joined.filter((member) => member.waitsForLeader);
    const round: Round = { members, asked: this.#pace.asked };
    this.#waiting = [];
    if (members.length > 0) this.#underWay = round;
    if (members.length < joined.length) {
      // The leadership that they were to be measured in has ended between joining and beginning.
      for (const member of joined) if (!member.waitsForLeader) settleWithoutLeader(member);
    }
    if (members.length === 0) return;
    for (const member of members) member.begun?.();
    const begunMs = this.#source.monotonicMs();
    void this.#source.confirm().then((outcome) => {
      const tookMs = this.#source.monotonicMs() - begunMs;
      if (isOwn) this.#source.ended(tookMs, outcome.kind === "confirmed");
      this.#concluded(round, outcome);
    });
  }

  #concluded(round: Round, outcome: ConfirmOutcome): void {
    if (outcome.kind === "confirmed") {
      this.#pace.wentWell();
      round.confirmed = { index: outcome.index, raftTerm: outcome.raftTerm };
      this.appliedMoved();
      return;
    }
    this.#underWay = undefined;
    this.#pace.failed(round.asked, this.#source.monotonicMs());
    const reason = outcome.reason === "not-leader" ? "no-leader" : outcome.reason;
    for (const member of round.members) {
      // Put back without being scheduled: the role or the next sweep says when to try again.
      if (reason === "no-leader" && member.waitsForLeader) this.#waiting.push(member);
      else member.settle({ kind: "failed", reason });
    }
  }
}

function withoutOverdue(members: RoundMember[], nowMs: number): RoundMember[] {
  if (!members.some((member) => member.giveUpAtMs <= nowMs)) return members;
  const patient: RoundMember[] = [];
  for (const member of members) {
    if (member.giveUpAtMs > nowMs) patient.push(member);
    else settleWithoutLeader(member);
  }
  return patient;
}

function settleWithoutLeader(member: RoundMember): void {
  member.settle({ kind: "failed", reason: "no-leader" });
}
