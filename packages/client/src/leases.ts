// SPDX-License-Identifier: Apache-2.0
/**
 * The deadlines of one session, one per partition, as the client may believe in them (semantics A2).
 *
 * A deadline counts from the *sending* of the renewal that an answer names, never from its arrival,
 * and moves only for the partition that answered. Nothing here sends or sets a timer.
 */

import { assert } from "@conclave/base";
import { type BeliefClock, type Deadline, type Instant, marginMs, remainingOf } from "./belief.ts";
import { Carriers } from "./carriers.ts";

export interface LeaseTimes {
  readonly ttlMs: number;
  /** 0: off. */
  readonly graceMs: number;
}

interface Lease {
  readonly deadline: Deadline;
  /** The renewal that set it; 0 when the registration did. */
  readonly number: bigint;
}

/** Lowers a deadline, after an attachment ended without a goodbye, until a later renewal. */
interface Cap {
  readonly deadline: Deadline;
  /** The first renewal whose confirmation lifts it. */
  readonly liftedBy: bigint;
}

export class Leases {
  readonly #clock: BeliefClock;
  readonly #times: LeaseTimes;
  readonly #leases = new Map<number, Lease>();
  readonly #caps = new Map<number, Cap>();
  /** By partition, the first renewal whose confirmation ends a doubt about the clocks themselves. */
  readonly #doubts = new Map<number, bigint>();
  readonly #carriers = new Carriers();
  readonly #sent = new Map<bigint, Instant>();
  #lastNumber = 0n;

  constructor(clock: BeliefClock, times: LeaseTimes) {
    this.#clock = clock;
    this.#times = times;
  }

  /** The number that the next renewal will have. */
  get nextNumber(): bigint {
    return this.#lastNumber + 1n;
  }

  /** Numbers a renewal of these partitions that is being sent at this instant. */
  send(partitions: readonly number[], through: object): bigint {
    this.#lastNumber += 1n;
    for (const partition of partitions) this.#carriers.sent(partition, through);
    const now = this.#clock.now();
    for (const [number, at] of this.#sent) {
      if (this.#clock.elapsedMs(at, now) < this.#times.ttlMs) break;
      this.#sent.delete(number);
    }
    this.#sent.set(this.#lastNumber, now);
    return this.#lastNumber;
  }

  /** A renewal that was sent through this attachment has been answered, whatever the answer. */
  answered(partition: number, through: object): void {
    this.#carriers.answered(partition, through, this.nextNumber);
  }

  /** The partition confirmed the renewal of this number: credits the sending of exactly that one. */
  confirm(partition: number, number: bigint, through: object): void {
    assert(number <= this.#lastNumber, "C2: only what was sent is credited");
    this.#carriers.confirmed(partition, through, number);
    const liftedBy = this.#doubts.get(partition);
    if (liftedBy !== undefined && number >= liftedBy) this.#doubts.delete(partition);
    const cap = this.#caps.get(partition);
    if (cap !== undefined && number >= cap.liftedBy) this.#caps.delete(partition);
    // One that is no longer remembered was sent more than a TTL ago: there is nothing to credit.
    const since = this.#sent.get(number);
    if (since !== undefined) this.#raise(partition, since, number);
  }

  /** A command registered the session there: credits the first sending of that command. */
  register(partition: number, sentAt: Instant, through: object): void {
    this.#carriers.registered(partition, through, this.nextNumber);
    this.#raise(partition, sentAt, 0n);
  }

  /**
   * This process stood still, perhaps for longer than its clocks say: what they measure tells nothing
   * about these partitions until a renewal sent from now on is confirmed.
   */
  doubt(partitions: readonly number[]): void {
    for (const partition of partitions) this.#doubts.set(partition, this.nextNumber);
  }

  isDoubted(partition: number): boolean {
    return this.#doubts.has(partition);
  }

  end(partition: number): void {
    this.#leases.delete(partition);
    this.#caps.delete(partition);
    this.#doubts.delete(partition);
    this.#carriers.forget(partition);
  }

  /**
   * The attachment ended. Without the server's goodbye, and with grace on, the grace may count from
   * now wherever the server may have heard of the session through it last: answers these partitions.
   */
  ended(attachment: object, isGoodbye: boolean): readonly number[] {
    const { graceMs, ttlMs } = this.#times;
    const partitions = this.#carriers.ended(attachment);
    if (graceMs === 0 || isGoodbye) return [];
    const deadline = { since: this.#clock.now(), lifeMs: graceMs - marginMs(ttlMs) };
    for (const partition of partitions) {
      this.#caps.set(partition, { deadline, liftedBy: this.nextNumber });
    }
    return partitions;
  }

  /** Milliseconds for which the partition's promise may be believed in; 0 or less when it may not. */
  remainingMs(partition: number, at: Instant = this.#clock.now()): number {
    const lease = this.#leases.get(partition);
    if (lease === undefined) return 0;
    const cap = this.#caps.get(partition);
    const leaseMs = remainingOf(this.#clock, lease.deadline, at);
    if (cap === undefined) return leaseMs;
    return Math.min(leaseMs, remainingOf(this.#clock, cap.deadline, at));
  }

  /** Whether a renewal of this number, or a later one, has been confirmed by the partition. */
  hasConfirmed(partition: number, number: bigint): boolean {
    return (this.#leases.get(partition)?.number ?? -1n) >= number;
  }

  #raise(partition: number, since: Instant, number: bigint): void {
    const lifeMs = this.#times.ttlMs - marginMs(this.#times.ttlMs);
    const before = this.#leases.get(partition);
    const now = this.#clock.now();
    const isLater =
      before === undefined ||
      this.#clock.elapsedMs(since, now) < this.#clock.elapsedMs(before.deadline.since, now);
    const highest = before !== undefined && before.number > number ? before.number : number;
    this.#leases.set(partition, {
      deadline: isLater ? { since, lifeMs } : before.deadline,
      number: highest,
    });
  }
}
