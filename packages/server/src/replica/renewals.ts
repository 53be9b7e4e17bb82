// SPDX-License-Identifier: Apache-2.0
/**
 * Renewals of one partition: many share one quorum round, and each session is told the highest of its
 * numbers that had arrived before the round began (semantics A2).
 *
 * Renewals are not log entries. A renewal moves the deadline when it arrives and holds the expiry back
 * until it is answered; whether it is acknowledged is decided at the moment of acknowledging.
 */

import type { LoopWatch } from "@conclave/base";
import type { SessionId } from "@conclave/fsm";
import type { ConfirmRounds, RoundOutcome } from "./confirm-rounds.ts";
import type { AttachmentId, Deadlines, SessionDeadline } from "./deadlines.ts";
import type { LogRole } from "./replicated-log.ts";

export type LeaseOutcome =
  /** The lease counts from the sending of the renewal `number`. */
  | { readonly kind: "confirmed"; readonly number: bigint; readonly officeRevision: bigint }
  | { readonly kind: "ended" }
  | { readonly kind: "not-registered" }
  /** Nothing moved; to be tried again. */
  | { readonly kind: "unconfirmed" };

export interface ArrivedRenewal {
  readonly sessionId: SessionId;
  readonly number: bigint;
  /** Absent for a unary call: no end of a connection will be reported for it. */
  readonly attachment: AttachmentId | undefined;
  readonly settle: (lease: LeaseOutcome) => void;
}

/** How a session stands in the applied state. */
export type Registration =
  | { readonly kind: "registered"; readonly officeRevision: bigint }
  | { readonly kind: "ended" }
  | { readonly kind: "not-registered" };

export interface RenewalsOptions {
  readonly deadlines: Deadlines;
  readonly rounds: ConfirmRounds;
  readonly loop: LoopWatch;
  readonly role: () => LogRole;
  readonly monotonicMs: () => number;
  readonly registrationOf: (sessionId: SessionId) => Registration;
}

/** How long a renewal waits for its quorum round; the client gives up sooner. */
const ROUND_PATIENCE_MS = 5_000;

interface Pending {
  readonly record: SessionDeadline | undefined;
  number: bigint;
  arrivedMs: number;
  /** In the order in which they arrived, at least one; a session may renew in several ways at a time. */
  askers: Asker[];
}

type Asker = Pick<ArrivedRenewal, "number" | "attachment" | "settle">;

interface Batch {
  readonly raftTerm: number;
  readonly pending: Map<SessionId, Pending>;
}

export class Renewals {
  readonly #options: RenewalsOptions;
  /** What has arrived before the next round begins. */
  #gathering: Batch | undefined;
  readonly #underWay = new Set<Batch>();

  constructor(options: RenewalsOptions) {
    this.#options = options;
  }

  arrive(renewal: ArrivedRenewal): void {
    const role = this.#options.role();
    if (role.kind !== "leader") {
      renewal.settle({ kind: "unconfirmed" });
      return;
    }
    const arrivedMs = this.#options.loop.loopNowMs();
    const record = this.#options.deadlines.get(renewal.sessionId);
    if (record !== undefined) this.#options.deadlines.renew(record, arrivedMs);
    const batch = this.#gather(role.raftTerm);
    const pending = batch.pending.get(renewal.sessionId);
    if (pending === undefined) {
      if (record !== undefined) record.holds++;
      const { number } = renewal;
      batch.pending.set(renewal.sessionId, { record, number, arrivedMs, askers: [renewal] });
      return;
    }
    if (renewal.number > pending.number) pending.number = renewal.number;
    pending.arrivedMs = arrivedMs;
    pending.askers.push(renewal);
  }

  /** Takes back what came through an attachment that is gone, so that it confirms nothing any more. */
  forget(sessionId: SessionId, attachment: AttachmentId): void {
    for (const batch of [this.#gathering, ...this.#underWay]) {
      const pending = batch?.pending.get(sessionId);
      if (pending === undefined) continue;
      const gone = pending.askers.filter((asker) => asker.attachment === attachment);
      pending.askers = pending.askers.filter((asker) => asker.attachment !== attachment);
      // Another node waits for it, and answers the others that came with it only then.
      for (const { settle } of gone) settle({ kind: "unconfirmed" });
      if (pending.askers.length > 0) continue;
      batch?.pending.delete(sessionId);
      release(pending);
    }
  }

  #gather(raftTerm: number): Batch {
    const current = this.#gathering;
    if (current !== undefined && current.raftTerm === raftTerm) return current;
    const batch: Batch = { raftTerm, pending: new Map() };
    this.#gathering = batch;
    this.#options.rounds.join({
      giveUpAtMs: this.#options.monotonicMs() + ROUND_PATIENCE_MS,
      waitsForLeader: false,
      begun: () => {
        if (this.#gathering === batch) this.#gathering = undefined;
        this.#underWay.add(batch);
      },
      settle: (outcome) => this.#settle(batch, outcome),
    });
    return batch;
  }

  #settle(batch: Batch, outcome: RoundOutcome): void {
    if (this.#gathering === batch) this.#gathering = undefined;
    this.#underWay.delete(batch);
    const role = this.#options.role();
    const isConfirmed =
      outcome.kind === "passed" &&
      outcome.raftTerm === batch.raftTerm &&
      role.kind === "leader" &&
      role.raftTerm === batch.raftTerm;
    for (const [sessionId, pending] of batch.pending) {
      release(pending);
      const lease: LeaseOutcome = isConfirmed
        ? this.#acknowledge(sessionId, pending)
        : { kind: "unconfirmed" };
      for (const { settle } of pending.askers) settle(lease);
    }
  }

  #acknowledge(sessionId: SessionId, pending: Pending): LeaseOutcome {
    const registration = this.#options.registrationOf(sessionId);
    if (registration.kind !== "registered") return registration;
    const record = this.#options.deadlines.get(sessionId);
    // Schedule B: an end that stands in the log wins over every renewal, however early it came.
    if (record === undefined || record.endings > 0) return { kind: "unconfirmed" };
    this.#options.deadlines.renew(record, pending.arrivedMs);
    record.cause = "expired";
    for (const { number, attachment } of pending.askers) {
      if (number < record.renewal) continue;
      record.renewal = number;
      record.attachment = attachment;
    }
    const { officeRevision } = registration;
    return { kind: "confirmed", number: pending.number, officeRevision };
  }
}

function release(pending: Pending): void {
  if (pending.record !== undefined) pending.record.holds--;
}
