// SPDX-License-Identifier: Apache-2.0
/**
 * Which renewals of one session go over which attachment, and what becomes of an attachment that does
 * not serve them (decision 0012).
 *
 * It numbers renewals through the leases and gives channels up; what an answer means for a belief is
 * the session's business.
 */

import { create } from "@bufbuild/protobuf";
import { type Renewal, RenewalSchema } from "@conclave/api";
import type { Attachments, AttachmentsContext } from "./attachments.ts";
import type { Business } from "./business.ts";
import type { Channel } from "./channel.ts";
import { ElectionError } from "./error.ts";
import type { Leases } from "./leases.ts";
import { RenewalLine } from "./renewal-line.ts";

export interface SessionRenewalsParts {
  readonly context: AttachmentsContext;
  readonly attachments: Attachments;
  readonly leases: Leases;
  readonly business: Business;
  readonly ttlMs: number;
  /** The beat is a moment to look at the deadlines, too. */
  readonly onBeat: () => void;
}

export class SessionRenewals {
  readonly #parts: SessionRenewalsParts;
  /** Of each attachment that stands. */
  readonly #lines = new Map<Channel, RenewalLine>();
  /** How many attachments were given up for want of a quorum since anything was confirmed. */
  #turns = 0;
  /** When each node has had its turn: until then none is given up. */
  #staysUntilMs = 0;

  constructor(parts: SessionRenewalsParts) {
    this.#parts = parts;
  }

  /** The attachments that stand. */
  get channels(): Iterable<Channel> {
    return this.#lines.keys();
  }

  attached(channel: Channel): void {
    const { context, ttlMs, onBeat } = this.#parts;
    const line = new RenewalLine(context.runtime.clock, context.runtime.prng, ttlMs, {
      renewalDue: () => {
        onBeat();
        channel.poke();
      },
      remainingMs: (partition) => this.shortestMs([partition]),
      unserved: (partitions, isMute) => this.#unserved(channel, partitions, isMute),
    });
    this.#lines.set(channel, line);
  }

  detached(channel: Channel): void {
    this.#lines.get(channel)?.stop();
    this.#lines.delete(channel);
  }

  stop(): void {
    for (const line of this.#lines.values()) line.stop();
  }

  /** Renewed from the first: a stream that swallows an answer is then noticed by the renewals. */
  start(partition: number): void {
    this.#lineOf(partition)?.start();
  }

  /** Renews at the end of this turn. */
  soon(partition: number): void {
    this.#lineOf(partition)?.due();
    this.#parts.attachments.route(partition)?.poke();
  }

  /** What is due over this channel, numbered as sent now. */
  take(channel: Channel): Renewal[] {
    const { business, leases } = this.#parts;
    const line = this.#lines.get(channel);
    if (line?.isDue !== true) return [];
    const partitions = this.#partitionsOver(channel);
    if (partitions.length === 0) return [];
    line.sent(partitions);
    business.renewed(partitions);
    const number = leases.send(partitions, channel);
    return [create(RenewalSchema, { number, partitions })];
  }

  confirmed(channel: Channel, partition: number): void {
    this.#turns = 0;
    this.#lines.get(channel)?.confirmed(partition);
  }

  notConfirmed(channel: Channel, partition: number): void {
    if (this.#parts.attachments.route(partition) !== channel) return;
    this.#lines.get(channel)?.notConfirmed(partition);
  }

  /** Answered for good: what the attachment carried of the partition is settled. */
  settled(channel: Channel, partition: number): void {
    this.#lines.get(channel)?.forget(partition);
  }

  /** The partition is renewed no more. */
  ended(partition: number): void {
    this.#lineOf(partition)?.forget(partition);
  }

  /**
   * The shortest lease of these partitions that still runs; the TTL without one. By the monotonic
   * clock alone, which is read in no time: it decides how long to wait, never what to believe.
   */
  shortestMs(partitions: readonly number[]): number {
    const { context, leases, ttlMs } = this.#parts;
    const monotonicMs = context.runtime.clock.monotonicMs();
    const now = { monotonicMs, uptimeMs: Number.NEGATIVE_INFINITY };
    let shortestMs = ttlMs;
    for (const partition of partitions) {
      const remainingMs = leases.remainingMs(partition, now);
      if (remainingMs > 0) shortestMs = Math.min(shortestMs, remainingMs);
    }
    return shortestMs;
  }

  #lineOf(partition: number): RenewalLine | undefined {
    const channel = this.#parts.attachments.route(partition);
    return channel === undefined ? undefined : this.#lines.get(channel);
  }

  #partitionsOver(channel: Channel): number[] {
    const { attachments, business } = this.#parts;
    return business.partitions.filter((partition) => attachments.route(partition) === channel);
  }

  /** Partitions that this attachment does not serve go over another one; a mute one is given up. */
  #unserved(channel: Channel, partitions: readonly number[], isMute: boolean): void {
    const { context, attachments } = this.#parts;
    if (isMute) {
      channel.restart(new ElectionError("TIMEOUT", "a renewal was not answered in time"));
      return;
    }
    const own = partitions.filter((p) => attachments.route(p) === channel);
    const isStuck = own.some((p) => !attachments.avoid(p, channel));
    const line = this.#lines.get(channel);
    const isServed = (p: number): boolean =>
      !partitions.includes(p) && line?.isTroubled(p) === false;
    // With grace on, the end of an attachment is felt by all that it carries.
    const servesOthers = this.#partitionsOver(channel).some(isServed);
    if (isStuck && !servesOthers && context.endpoints.count > 1 && this.#takeTurn()) {
      channel.restart(new ElectionError("NO_QUORUM", "no quorum confirms the renewals"));
    }
  }

  /**
   * Whether an attachment may be given up for want of a quorum: at once, until each node has had a
   * turn, then once in a quarter of a TTL. Where there is no leader no other node has one either, and
   * all sessions would go round and round.
   */
  #takeTurn(): boolean {
    const { context, ttlMs } = this.#parts;
    const { clock, prng } = context.runtime;
    const nowMs = clock.monotonicMs();
    if (this.#turns >= context.endpoints.count && nowMs < this.#staysUntilMs) return false;
    this.#turns += 1;
    this.#staysUntilMs = nowMs + ttlMs / 4 + prng.below(1 + Math.floor(ttlMs / 8));
    return true;
  }
}
