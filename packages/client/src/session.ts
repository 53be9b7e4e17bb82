// SPDX-License-Identifier: Apache-2.0
/**
 * One session: its streams, its renewals, its deadlines, and the candidacies that live in it.
 *
 * It decides what may be believed (semantics A2) and tells the candidacies of a partition when that
 * may have changed. It knows nothing of work, offices or campaigns. Its id is a secret and leaves
 * this file towards the server only.
 */

import { create } from "@bufbuild/protobuf";
import {
  type AttachHello,
  type AttachRequest,
  AttachRequestSchema,
  type AttachResponse,
  type AttachWelcome,
  type CommandId,
  type Lease,
  LeaseStatus,
} from "@conclave/api";
import { assert, type CancelTimer } from "@conclave/base";
import { Attachments, type AttachmentsContext, type AttachmentsOwner } from "./attachments.ts";
import type { BeliefClock, Instant } from "./belief.ts";
import { Business } from "./business.ts";
import { type CallListener, Calls, type CancelCall, type Command } from "./calls.ts";
import type { Channel } from "./channel.ts";
import { CommandNumbers } from "./command-numbers.ts";
import { Leases, type LeaseTimes } from "./leases.ts";
import type { SessionMember } from "./session-members.ts";
import { SessionOffices } from "./session-offices.ts";
import { SessionRenewals } from "./session-renewals.ts";
import { sessionHello } from "./wire-values.ts";

type BuildCommand = (id: CommandId) => Command;

/** How long a closing session waits for the server to have heard of it. */
const CLOSE_PATIENCE_MS = 1_000;
/** A node that does not say a word is given up in time to try others: so many within a lease. */
const TRIES_PER_LEASE = 8;
const SHORTEST_WELCOME_MS = 100;

export class Session implements AttachmentsOwner {
  readonly times: LeaseTimes;
  readonly #id: bigint;
  readonly #context: AttachmentsContext;
  readonly #clock: BeliefClock;
  readonly #leases: Leases;
  readonly #calls: Calls;
  readonly #attachments: Attachments;
  readonly #renewals: SessionRenewals;
  readonly #numbers = new CommandNumbers();
  readonly #offices: SessionOffices;
  readonly #business = new Business();
  readonly #ended = new Set<number>();
  /** Partitions whose lease held at the last look. */
  readonly #alive = new Set<number>();
  /** When the frame that is being taken in arrived. */
  #frameAt: Instant | undefined;
  #instance = "";
  #isClosing = false;
  #isClosed = false;
  /** Over which the end of the session is told, and whether it has been. */
  #closingOver: Channel | undefined;
  #hasSentClose = false;
  #closed: (() => void) | undefined;
  #cancelJudgement: CancelTimer = () => {};

  constructor(context: AttachmentsContext, clock: BeliefClock, times: LeaseTimes) {
    this.#context = context;
    this.#clock = clock;
    this.times = times;
    this.#id = context.runtime.drawSessionId();
    assert(this.#id !== 0n, "a session's id is never 0");
    this.#leases = new Leases(clock, times);
    this.#offices = new SessionOffices((partition) => this.renewNow(partition));
    this.#attachments = new Attachments(context, this);
    this.#renewals = new SessionRenewals({
      context,
      attachments: this.#attachments,
      leases: this.#leases,
      business: this.#business,
      ttlMs: times.ttlMs,
      onBeat: () => this.#judge(),
    });
    this.#calls = new Calls(context.runtime, (partition) => this.#attachments.route(partition));
    this.#attachments.open();
  }

  /** What tells this session's candidates from others of the same name; empty until attached. */
  get instance(): string {
    return this.#instance;
  }

  /** Whether anything can be said to, or heard from, the partition at present. */
  isAttachedTo(partition: number): boolean {
    return this.#attachments.route(partition) !== undefined;
  }

  hasEndedOn(partition: number): boolean {
    return this.#isClosing || this.#ended.has(partition);
  }

  /** Nothing lives here, and nothing can any more where it lived: it may be closed. */
  get isSpent(): boolean {
    return this.#ended.size > 0 && this.#business.isEmpty && this.#offices.isEmpty;
  }

  join(member: SessionMember): void {
    this.#offices.join(member);
  }

  leave(member: SessionMember): void {
    this.#offices.leave(member);
  }

  /** A numbered command: applied once, however often it has to be sent. */
  command(partition: number, build: BuildCommand, listener: CallListener): void {
    this.#business.asked(partition);
    this.#attachments.use(partition);
    this.#renewals.start(partition);
    this.#numbers.issue(partition, (number) => this.#ask(partition, number, build, listener));
  }

  /** A question that changes nothing. */
  ask(partition: number, command: Command, listener: CallListener): CancelCall {
    return this.#calls.ask(partition, command, listener);
  }

  /** A reading has told the member's state, as of this revision. */
  hasRead(member: SessionMember, asOfRevision: bigint): void {
    this.#offices.hasRead(member, asOfRevision);
  }

  /** The reading was refused: it is begun again when an acknowledgement leaves a doubt. */
  hasNotRead(member: SessionMember): void {
    this.#offices.hasNotRead(member);
  }

  remainingMs(partition: number): number {
    return this.#leases.remainingMs(partition);
  }

  /** The same by the monotonic clock alone: for waiting, not for believing. */
  patienceMs(partition: number): number {
    const monotonicMs = this.#context.runtime.clock.monotonicMs();
    return this.#leases.remainingMs(partition, { monotonicMs, uptimeMs: Number.NEGATIVE_INFINITY });
  }

  /**
   * The same as of the frame under way, for who hands offices out: reading the second clock costs some
   * microseconds. What runs out meanwhile is found at the frame's end, and by whoever holds the office.
   */
  remainingInFrameMs(partition: number): number {
    return this.#leases.remainingMs(partition, this.#frameAt);
  }

  /** Whether office there may be believed in while the lease lasts. */
  isConfirmed(partition: number, confirmedBy: bigint): boolean {
    if (this.#offices.isSuspended(partition) || this.#leases.isDoubted(partition)) return false;
    return confirmedBy === 0n || this.#leases.hasConfirmed(partition, confirmedBy);
  }

  /** Renews at the end of this turn; the number is that of a renewal not sent yet. */
  renewNow(partition: number): bigint {
    this.#business.registered(partition, this.#leases.nextNumber);
    this.#renewals.soon(partition);
    return this.#leases.nextNumber;
  }

  /** The server said so: nothing of this session lives on that partition, or ever will again. */
  endOn(partition: number): void {
    if (this.#ended.has(partition)) return;
    this.#ended.add(partition);
    this.#business.ended(partition);
    this.#numbers.end(partition);
    this.#leases.end(partition);
    this.#renewals.ended(partition);
    this.#offices.end(partition);
  }

  /** Nothing is believed any more until the server has confirmed it; which it is asked to, at once. */
  interrupted(): void {
    const { partitions } = this.#business;
    this.#leases.doubt(partitions);
    for (const partition of partitions) {
      this.#renewals.soon(partition);
      this.#offices.review(partition);
    }
    this.#judge();
  }

  /**
   * Ends everything here and then the session on the server, as far as it can be reached. Whoever
   * calls it has both done, the answer apart, when it returns its promise: a page may have no more.
   */
  async close(): Promise<void> {
    if (this.#isClosing) return;
    this.#isClosing = true;
    // What carries renewals is known to live.
    const [renewed] = this.#business.partitions.map((p) => this.#attachments.route(p));
    this.#closingOver = renewed ?? [...this.#renewals.channels][0];
    const mayBeRegistered = !this.#business.isEmpty;
    // Before the server hears of it: the next in line may lead at once.
    for (const partition of this.#offices.partitions) this.endOn(partition);
    if (this.#closingOver !== undefined) await this.#sayClosed(this.#closingOver);
    else if (mayBeRegistered) this.#callClosed();
    this.#isClosed = true;
    this.#renewals.stop();
    this.#cancelJudgement();
    this.#calls.close();
    this.#attachments.close();
  }

  // What the attachments ask and tell.

  hello(): AttachHello {
    return sessionHello(this.#id, this.times);
  }

  get welcomeMs(): number {
    const leaseMs = this.#renewals.shortestMs(this.#business.partitions);
    return Math.max(SHORTEST_WELCOME_MS, leaseMs / TRIES_PER_LEASE);
  }

  attached(channel: Channel, { instance }: AttachWelcome): void {
    this.#instance = instance;
    this.#renewals.attached(channel);
  }

  rerouted(partitions: readonly number[]): void {
    for (const partition of partitions) {
      const isAttached = this.isAttachedTo(partition);
      if (isAttached) this.#offices.rerouted(partition);
      if (isAttached && this.#business.has(partition)) this.#renewals.soon(partition);
    }
    this.#calls.rerouted();
    for (const partition of partitions) this.#offices.review(partition);
  }

  received(channel: Channel, frame: AttachResponse): void {
    // First of all: what has run out meanwhile is over, whatever the frame brings.
    this.#frameAt = this.#judge();
    try {
      for (const candidacy of frame.candidacies) {
        const isRoute = this.#attachments.route(candidacy.partition) === channel;
        this.#offices.pushed(candidacy, isRoute);
      }
      for (const reply of frame.replies) this.#calls.receive(channel, reply);
      for (const lease of frame.leases) this.#renewed(channel, lease);
    } finally {
      const at = this.#frameAt;
      this.#frameAt = undefined;
      // As of the frame: the second clock is not read again for the few turns in between.
      this.#judge(at);
    }
  }

  detached(channel: Channel, isGoodbye: boolean): void {
    this.#renewals.detached(channel);
    // What lives on another attachment need not wait for its turn to be out of doubt.
    const startsNoGrace = isGoodbye || this.#context.runtime.link.startsNoGrace === true;
    for (const p of this.#leases.ended(channel, startsNoGrace)) this.#renewals.soon(p);
    this.#judge();
    this.#calls.lost(channel);
    if (channel === this.#closingOver) this.#closed?.();
  }

  drain(channel: Channel): AttachRequest | undefined {
    if (this.#isClosing) {
      if (channel !== this.#closingOver || this.#hasSentClose) return undefined;
      this.#hasSentClose = true;
      return create(AttachRequestSchema, { closeSession: true });
    }
    const commands = this.#calls.drain(channel, this.#clock);
    const renewals = this.#renewals.take(channel);
    if (commands.length === 0 && renewals.length === 0) return undefined;
    return create(AttachRequestSchema, { commands, renewals });
  }

  /** Resolves when the server has heard it, as far as it lets that be known. */
  #sayClosed(channel: Channel): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#context.runtime.clock.setTimer(CLOSE_PATIENCE_MS, resolve);
      this.#closed = () => {
        cancel();
        resolve();
      };
      channel.flush();
    });
  }

  /**
   * Nothing stands over which it could be said. A page says it nevertheless, by a call that waits for no
   * welcome: it may be gone for good, and what it led would wait for a whole TTL.
   */
  #callClosed(): void {
    const { runtime, endpoints } = this.#context;
    if (runtime.page === undefined) return;
    const attachment = runtime.link.attach(endpoints.first(), { frame: () => {}, end: () => {} });
    attachment.send(create(AttachRequestSchema, { hello: this.hello(), closeSession: true }));
    attachment.close();
  }

  #ask(partition: number, number: bigint, build: BuildCommand, listener: CallListener): void {
    const $typeName = "conclave.v1.CommandId";
    const id: CommandId = { $typeName, sessionId: this.#id, number, acknowledged: 0n };
    this.#calls.ask(partition, build(id), {
      // Anew each time: what was answered meanwhile need not be kept for it.
      sending: () => {
        id.acknowledged = this.#numbers.acknowledged(partition);
      },
      answered: (answer) => {
        this.#numbers.answered(partition, number);
        const { value } = answer.reply;
        if ("result" in value && value.result !== undefined) {
          this.#business.registered(partition, this.#leases.nextNumber);
          const { registered, replayed } = value.result;
          // Given again, it would credit a sending that the registration came long before.
          if (registered && !replayed) {
            this.#leases.register(partition, answer.firstSentAt, answer.channel);
          }
        }
        listener.answered(answer);
      },
      refused: (error) => {
        this.#numbers.answered(partition, number);
        listener.refused(error);
      },
    });
  }

  #renewed(channel: Channel, { partition, status, number, officeRevision }: Lease): void {
    this.#leases.answered(partition, channel);
    if (status !== LeaseStatus.NOT_REGISTERED) this.#business.answered(partition, number);
    if (status === LeaseStatus.CONFIRMED) {
      this.#renewals.confirmed(channel, partition);
      this.#leases.confirm(partition, number, channel);
      this.#offices.acknowledged(partition, officeRevision);
    } else if (status === LeaseStatus.ENDED) {
      this.#renewals.settled(channel, partition);
      this.endOn(partition);
    } else if (status === LeaseStatus.NOT_REGISTERED) {
      this.#renewals.settled(channel, partition);
      // Over another attachment it may answer a renewal from before the registration, however late.
      const isRoute = this.#attachments.route(partition) === channel;
      if (this.#business.isLost(partition) && isRoute) this.endOn(partition);
    } else {
      this.#renewals.notConfirmed(channel, partition);
    }
  }

  /**
   * Tells a partition's members when its lease has begun or run out, and sets the clock for the next.
   */
  #judge(now: Instant = this.#clock.now()): Instant {
    this.#cancelJudgement();
    let nextMs = Number.POSITIVE_INFINITY;
    for (const partition of this.#offices.partitions) {
      const remainingMs = this.#leases.remainingMs(partition, now);
      const isAlive = remainingMs > 0;
      if (isAlive) nextMs = Math.min(nextMs, remainingMs);
      if (isAlive === this.#alive.has(partition)) continue;
      if (isAlive) this.#alive.add(partition);
      else this.#alive.delete(partition);
      this.#offices.review(partition);
    }
    if (nextMs !== Number.POSITIVE_INFINITY && !this.#isClosed) {
      this.#cancelJudgement = this.#context.runtime.clock.setTimer(nextMs, () => this.#judge());
    }
    return now;
  }
}
