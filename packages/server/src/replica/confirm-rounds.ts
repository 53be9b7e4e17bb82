// SPDX-License-Identifier: Apache-2.0
/**
 * Quorum rounds, shared: one `confirm()` of the log for everything that waits for one.
 *
 * A round counts for what joined before it began and for nothing that came later (semantics A2).
 * One round is under way at a time; who joins meanwhile takes the next.
 */

import type { ConfirmOutcome, ReplicatedLog } from "./replicated-log.ts";

export type RoundOutcome =
  /** A quorum answered a round begun after joining, and what it had committed is applied here. */
  | { readonly kind: "passed"; readonly raftTerm: number }
  | { readonly kind: "failed"; readonly reason: "no-leader" | "overloaded" | "stopped" };

export interface RoundMember {
  /** On the monotonic clock. At this time the answer is `no-leader`, whatever goes on. */
  readonly giveUpAtMs: number;
  /** Waits for this node to lead instead of failing at once: reads do, renewals do not. */
  readonly waitsForLeader: boolean;
  /** The round begins now: what arrives after this call is not covered by it. */
  readonly begun?: () => void;
  readonly settle: (outcome: RoundOutcome) => void;
}

interface Round {
  members: RoundMember[];
  /** Set once the quorum has answered: passes when this index is applied. */
  confirmed?: { readonly index: number; readonly raftTerm: number };
}

export class ConfirmRounds {
  readonly #log: ReplicatedLog;
  #waiting: RoundMember[] = [];
  #underWay: Round | undefined;
  #isScheduled = false;

  constructor(log: ReplicatedLog) {
    this.#log = log;
  }

  join(member: RoundMember): void {
    if (this.#log.role.kind !== "leader" && !member.waitsForLeader) {
      member.settle({ kind: "failed", reason: "no-leader" });
      return;
    }
    this.#waiting.push(member);
    this.#schedule();
  }

  /** To be called when the log has applied more. */
  appliedMoved(): void {
    const round = this.#underWay;
    if (round?.confirmed === undefined || this.#log.appliedIndex < round.confirmed.index) return;
    this.#underWay = undefined;
    const outcome: RoundOutcome = { kind: "passed", raftTerm: round.confirmed.raftTerm };
    for (const member of round.members) member.settle(outcome);
    this.#schedule();
  }

  roleChanged(): void {
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
    if (this.#log.role.kind !== "leader") return;
    this.#isScheduled = true;
    queueMicrotask(() => {
      this.#isScheduled = false;
      if (this.#underWay === undefined && this.#waiting.length > 0) this.#begin();
    });
  }

  #begin(): void {
    const round: Round = { members: this.#waiting };
    this.#waiting = [];
    this.#underWay = round;
    for (const member of round.members) member.begun?.();
    void this.#log.confirm().then((outcome) => this.#concluded(round, outcome));
  }

  #concluded(round: Round, outcome: ConfirmOutcome): void {
    if (outcome.kind === "confirmed") {
      round.confirmed = outcome;
      this.appliedMoved();
      return;
    }
    this.#underWay = undefined;
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
    else member.settle({ kind: "failed", reason: "no-leader" });
  }
  return patient;
}
