// SPDX-License-Identifier: Apache-2.0
/**
 * The renewals over one attachment: when the next one is due, and which partitions it fails to serve.
 *
 * Due every quarter of a TTL, sooner where no quorum confirmed. An answer is waited for as long as
 * leaves time to find another node, by the lease that is to be kept. It sets timers and says so; it
 * renews nothing and judges no deadline.
 */

import type { CancelTimer, Clock, Prng } from "@conclave/base";
import { setPatience } from "./patience.ts";

export interface RenewalLineOwner {
  renewalDue(): void;
  /** What is left of the partition's lease, in milliseconds; the TTL where none runs. */
  remainingMs(partition: number): number;
  /** These have been without a confirmation for too long; `isMute`: nothing at all has been heard. */
  unserved(partitions: readonly number[], isMute: boolean): void;
}

/** After this many renewals of a partition in a row that no quorum confirmed. */
const UNCONFIRMED_MAX = 2;
/** Below this, patience would be an arithmetic of jitter. */
const SHORTEST_PATIENCE_MS = 250;
const SHORTEST_HURRY_MS = 20;

export class RenewalLine {
  readonly #clock: Clock;
  readonly #prng: Prng;
  readonly #ttlMs: number;
  readonly #owner: RenewalLineOwner;
  /** By partition, when the oldest renewal was sent that has not been answered. */
  readonly #waiting = new Map<number, number>();
  /** By partition, how many in a row were answered and not confirmed. */
  readonly #unconfirmed = new Map<number, number>();
  /** Whether anything was answered since nothing was waited for. */
  #hasHeard = false;
  #isDue = false;
  #nextMs = Number.POSITIVE_INFINITY;
  #cancelNext: CancelTimer | undefined;
  #cancelAnswer: CancelTimer | undefined;

  constructor(clock: Clock, prng: Prng, ttlMs: number, owner: RenewalLineOwner) {
    this.#clock = clock;
    this.#prng = prng;
    this.#ttlMs = ttlMs;
    this.#owner = owner;
  }

  /** A renewal is to go with the next frame. */
  get isDue(): boolean {
    return this.#isDue;
  }

  /** Begins to beat, unless it has. */
  start(): void {
    if (this.#cancelNext === undefined) this.#next(this.#ttlMs / 4);
  }

  due(): void {
    this.#isDue = true;
  }

  sent(partitions: readonly number[]): void {
    this.#isDue = false;
    this.#next(this.#ttlMs / 4);
    const nowMs = this.#clock.monotonicMs();
    if (this.#waiting.size === 0) this.#hasHeard = false;
    for (const p of partitions) if (!this.#waiting.has(p)) this.#waiting.set(p, nowMs);
    this.#awaitAnswer();
  }

  confirmed(partition: number): void {
    this.#answered(partition);
    this.#unconfirmed.delete(partition);
  }

  /** Nobody confirmed: a whole quarter more would leave little of a short lease. */
  notConfirmed(partition: number): void {
    this.#answered(partition);
    const times = (this.#unconfirmed.get(partition) ?? 0) + 1;
    this.#unconfirmed.set(partition, times);
    const leaseMs = this.#owner.remainingMs(partition);
    const rangeMs = Math.max(SHORTEST_HURRY_MS, leaseMs / 32);
    const delayMs = rangeMs + this.#prng.below(1 + Math.floor(rangeMs));
    // One with a long lease, answered in the same frame, must not put off one that is nearly lost.
    if (this.#clock.monotonicMs() + delayMs < this.#nextMs) this.#next(delayMs);
    if (times % UNCONFIRMED_MAX === 0) this.#owner.unserved([partition], false);
  }

  /** Whether the partition's last renewal here was answered without a confirmation. */
  isTroubled(partition: number): boolean {
    return this.#unconfirmed.has(partition);
  }

  /** The partition is renewed no more. */
  forget(partition: number): void {
    this.#waiting.delete(partition);
    this.#unconfirmed.delete(partition);
  }

  stop(): void {
    this.#cancelNext?.();
    this.#cancelAnswer?.();
  }

  #answered(partition: number): void {
    this.#waiting.delete(partition);
    this.#hasHeard = true;
    if (this.#waiting.size > 0) return;
    this.#cancelAnswer?.();
    this.#cancelAnswer = undefined;
  }

  #awaitAnswer(): void {
    // Anew with each sending: a lease may have become shorter since the timer was set.
    this.#cancelAnswer?.();
    this.#cancelAnswer = undefined;
    if (this.#waiting.size === 0) return;
    const nowMs = this.#clock.monotonicMs();
    let nextMs = Number.POSITIVE_INFINITY;
    for (const [partition, sentMs] of this.#waiting) {
      nextMs = Math.min(nextMs, sentMs + this.#patienceMs(partition) - nowMs);
    }
    this.#cancelAnswer = setPatience(this.#clock, Math.max(1, nextMs), () => this.#judge());
  }

  /** Each by its own lease: one that is nearly lost must not make the others run from a slow node. */
  #patienceMs(partition: number): number {
    const leaseMs = Math.min(this.#ttlMs * 0.75, this.#owner.remainingMs(partition));
    return Math.max(SHORTEST_PATIENCE_MS, leaseMs / 3);
  }

  #judge(): void {
    this.#cancelAnswer = undefined;
    const nowMs = this.#clock.monotonicMs();
    const overdue: number[] = [];
    for (const [partition, sentMs] of this.#waiting) {
      if (nowMs - sentMs < this.#patienceMs(partition) - 1) continue;
      overdue.push(partition);
      this.#waiting.delete(partition);
    }
    this.#awaitAnswer();
    if (overdue.length > 0) this.#owner.unserved(overdue, !this.#hasHeard);
  }

  #next(delayMs: number): void {
    this.#cancelNext?.();
    this.#nextMs = this.#clock.monotonicMs() + delayMs;
    this.#cancelNext = this.#clock.setTimer(delayMs, () => {
      this.#isDue = true;
      this.#owner.renewalDue();
      this.#next(this.#ttlMs / 4);
    });
  }
}
