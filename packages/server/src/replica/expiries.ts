// SPDX-License-Identifier: Apache-2.0
/**
 * Ends the sessions whose deadline has passed: the leader's judgement, made law by the log.
 *
 * An expiry is proposed only in the raftTerm in which the TTL was measured, after a quorum round begun
 * after the deadline, and never a second time: what the log refused is judged afresh (semantics A2,
 * schedules B and J).
 */

import type { LoopWatch } from "@conclave/base";
import type { ConfirmRounds } from "./confirm-rounds.ts";
import type { Deadlines, SessionDeadline } from "./deadlines.ts";
import type { Proposals } from "./proposals.ts";
import type { LogRole } from "./replicated-log.ts";

/** Sessions that one entry ends; more wait for the next. An id takes about ten bytes. */
const EXPIRIES_PER_ENTRY_MAX = 10_000;
/** How long a judgement waits for its quorum round before it is made afresh. */
const ROUND_PATIENCE_MS = 5_000;
/** After a refusal: a log that is overloaded or full is not helped by being asked at every tick. */
const REFUSED_PAUSE_MS = 250;

export interface ExpiriesOptions {
  readonly deadlines: Deadlines;
  readonly rounds: ConfirmRounds;
  readonly proposals: Proposals;
  readonly loop: LoopWatch;
  readonly role: () => LogRole;
  readonly monotonicMs: () => number;
}

export class Expiries {
  readonly #options: ExpiriesOptions;
  #pausedUntilMs = Number.NEGATIVE_INFINITY;

  constructor(options: ExpiriesOptions) {
    this.#options = options;
  }

  /** Looks at the deadlines that have passed. To be called at a tick that was not late. */
  judge(): void {
    const { deadlines, rounds, loop, role, monotonicMs } = this.#options;
    const measuredIn = role();
    if (measuredIn.kind !== "leader" || monotonicMs() < this.#pausedUntilMs) return;
    const due = deadlines.takeDue(loop.loopNowMs());
    if (due.length === 0) return;
    rounds.join({
      giveUpAtMs: monotonicMs() + ROUND_PATIENCE_MS,
      waitsForLeader: false,
      settle: (outcome) => {
        const isConfirmed = outcome.kind === "passed" && outcome.raftTerm === measuredIn.raftTerm;
        if (isConfirmed) this.#propose(due, measuredIn.raftTerm);
        else this.#refused(due);
      },
    });
  }

  #propose(judged: readonly SessionDeadline[], raftTerm: number): void {
    const { deadlines, loop } = this.#options;
    const nowMs = loop.loopNowMs();
    const ending: SessionDeadline[] = [];
    for (const record of judged) {
      // A renewal may have arrived while the round was under way.
      const isStillDue =
        ending.length < EXPIRIES_PER_ENTRY_MAX &&
        deadlines.get(record.sessionId) === record &&
        deadlines.isDue(record, nowMs);
      if (isStillDue) ending.push(record);
      else this.#handBack(record);
    }
    if (ending.length === 0) return;
    for (const record of ending) record.endings++;
    const sessions = ending.map(({ sessionId, cause }) => ({ sessionId, cause }));
    void this.#options.proposals
      .proposeAlone([{ kind: "expire-sessions", sessions }], raftTerm)
      .then((outcome) => {
        // `unknown` stands until this raftTerm ends: the entry may yet be applied.
        if (outcome.kind !== "not-applied") return;
        for (const record of ending) record.endings--;
        this.#refused(ending);
      });
  }

  #refused(records: readonly SessionDeadline[]): void {
    this.#pausedUntilMs = this.#options.monotonicMs() + REFUSED_PAUSE_MS;
    for (const record of records) this.#handBack(record);
  }

  #handBack(record: SessionDeadline): void {
    const { deadlines } = this.#options;
    if (deadlines.get(record.sessionId) === record) deadlines.watch(record);
  }
}
