// SPDX-License-Identifier: Apache-2.0
/**
 * One session: its stream, its renewals, its deadlines, and the candidacies that live in it.
 *
 * It decides what may be believed (semantics A2) and tells the candidacies of a partition when that
 * may have changed. It knows nothing of work, offices or campaigns. Its id is a secret and leaves
 * this file towards the server only.
 */

import { create } from "@bufbuild/protobuf";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import {
  type AttachHello,
  AttachHelloSchema,
  type AttachRequest,
  AttachRequestSchema,
  type AttachResponse,
  type AttachWelcome,
  type Candidacy as CandidacyMessage,
  type CommandId,
  CommandIdSchema,
  type Lease,
  LeaseStatus,
  type Renewal,
  RenewalSchema,
} from "@conclave/api";
import { assert, type CancelTimer } from "@conclave/base";
import type { BeliefClock, Instant } from "./belief.ts";
import { Business } from "./business.ts";
import { type CallListener, Calls, type CancelCall, type Command } from "./calls.ts";
import { Channel, type ChannelContext } from "./channel.ts";
import { CommandNumbers } from "./command-numbers.ts";
import { ElectionError } from "./error.ts";
import { Leases, type LeaseTimes } from "./leases.ts";
import { OfficeLedger } from "./office-ledger.ts";
import { RenewalBeat } from "./renewal-beat.ts";
import { type SessionMember, SessionMembers } from "./session-members.ts";
import { factOfPush } from "./wire-values.ts";

type BuildCommand = (id: CommandId) => Command;

/** After this many renewals that no quorum confirmed, another node is tried. */
const UNCONFIRMED_MAX = 2;
/** How long a closing session waits for the server to have heard of it. */
const CLOSE_PATIENCE_MS = 1_000;

export class Session {
  readonly times: LeaseTimes;
  readonly #id: bigint;
  readonly #context: ChannelContext;
  readonly #clock: BeliefClock;
  readonly #leases: Leases;
  readonly #calls: Calls;
  readonly #channel: Channel;
  readonly #beat: RenewalBeat;
  readonly #numbers = new CommandNumbers();
  readonly #members = new SessionMembers();
  readonly #ledgers = new Map<number, OfficeLedger>();
  readonly #business = new Business();
  readonly #ended = new Set<number>();
  /** Partitions whose lease held at the last look. */
  readonly #alive = new Set<number>();
  /** When the frame that is being taken in arrived. */
  #frameAt: Instant | undefined;
  #instance = "";
  #wasAttached = false;
  #isRenewalDue = false;
  #isClosing = false;
  #isClosed = false;
  #hasSentClose = false;
  #unconfirmed = 0;
  #closed: (() => void) | undefined;
  #cancelJudgement: CancelTimer = () => {};

  constructor(context: ChannelContext, clock: BeliefClock, times: LeaseTimes) {
    this.#context = context;
    this.#clock = clock;
    this.times = times;
    this.#id = context.runtime.drawSessionId();
    assert(this.#id !== 0n, "a session's id is never 0");
    this.#leases = new Leases(clock, times);
    this.#beat = new RenewalBeat(context.runtime.clock, context.runtime.prng, times.ttlMs, this);
    this.#channel = new Channel(context, this, times.ttlMs / 3);
    this.#calls = new Calls(context.runtime, () => this.#channel.poke());
    this.#channel.open();
  }

  /** What tells this session's candidates from others of the same name; empty until attached. */
  get instance(): string {
    return this.#instance;
  }

  get isAttached(): boolean {
    return this.#channel.isAttached;
  }

  hasEndedOn(partition: number): boolean {
    return this.#isClosing || this.#ended.has(partition);
  }

  /** Nothing lives here, and nothing can any more where it lived: it may be closed. */
  get isSpent(): boolean {
    return this.#ended.size > 0 && this.#business.isEmpty && this.#members.isEmpty;
  }

  join(member: SessionMember): void {
    this.#members.join(member);
  }

  leave(member: SessionMember): void {
    if (this.#members.leave(member)) this.#ledger(member.partition).forget(member);
  }

  /** A numbered command: applied once, however often it has to be sent. */
  command(partition: number, build: BuildCommand, listener: CallListener): void {
    // Renewed from the first: a stream that swallows the answer is then noticed by the renewals.
    this.#business.asked(partition);
    this.#beat.start();
    this.#numbers.issue(partition, (number) => this.#ask(partition, number, build, listener));
  }

  /** A question that changes nothing. */
  ask(command: Command, listener: CallListener): CancelCall {
    return this.#calls.ask(command, listener);
  }

  /** A reading has told the member's state, as of this revision. */
  hasRead(member: SessionMember, asOfRevision: bigint): void {
    const ledger = this.#ledger(member.partition);
    const wasSuspended = ledger.isSuspended;
    ledger.read(member, asOfRevision);
    if (wasSuspended && !ledger.isSuspended) this.#reviewAll(member.partition);
  }

  /** The reading was refused: it is begun again when an acknowledgement leaves a doubt. */
  hasNotRead(member: SessionMember): void {
    this.#ledger(member.partition).failRead(member);
  }

  remainingMs(partition: number): number {
    return this.#leases.remainingMs(partition);
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
    if (this.#ledgers.get(partition)?.isSuspended === true) return false;
    return confirmedBy === 0n || this.#leases.hasConfirmed(partition, confirmedBy);
  }

  /** Renews at the end of this turn; the number is that of a renewal not sent yet. */
  renewNow(partition: number): bigint {
    this.#business.registered(partition, this.#leases.nextNumber);
    this.#isRenewalDue = true;
    this.#channel.poke();
    return this.#leases.nextNumber;
  }

  /** The server said so: nothing of this session lives on that partition, or ever will again. */
  endOn(partition: number): void {
    if (this.#ended.has(partition)) return;
    this.#ended.add(partition);
    this.#business.ended(partition);
    this.#numbers.end(partition);
    this.#leases.end(partition);
    for (const member of this.#members.on(partition)) member.sessionEnded();
  }

  /** Ends the session on the server, as far as it can be reached, and everything here. */
  async close(): Promise<void> {
    if (this.#isClosing) return;
    this.#isClosing = true;
    if (this.#channel.isAttached) {
      await new Promise<void>((resolve) => {
        const { clock } = this.#context.runtime;
        const cancel = clock.setTimer(CLOSE_PATIENCE_MS, resolve);
        this.#closed = () => {
          cancel();
          resolve();
        };
        this.#channel.flush();
      });
    }
    this.#isClosed = true;
    this.#beat.stop();
    this.#cancelJudgement();
    this.#calls.close();
    this.#channel.close();
    for (const partition of this.#members.partitions) this.endOn(partition);
  }

  // What the channel asks and tells.

  hello(): AttachHello {
    const { ttlMs, graceMs } = this.times;
    return create(AttachHelloSchema, {
      session: {
        sessionId: this.#id,
        options: {
          ttl: durationFromMs(ttlMs),
          ...(graceMs > 0 ? { disconnectGrace: durationFromMs(graceMs) } : {}),
        },
      },
    });
  }

  attached(welcome: AttachWelcome): void {
    this.#instance = welcome.instance;
    this.#unconfirmed = 0;
    for (const ledger of this.#ledgers.values()) ledger.attached();
    // What an earlier attachment may have missed; before the first there was nothing to miss.
    if (this.#wasAttached)
      for (const partition of this.#members.partitions) this.#readAll(partition);
    this.#wasAttached = true;
    this.#calls.attached();
    if (!this.#business.isEmpty) this.#isRenewalDue = true;
  }

  received(frame: AttachResponse): void {
    // First of all: what has run out meanwhile is over, whatever the frame brings.
    this.#frameAt = this.#judge();
    try {
      for (const candidacy of frame.candidacies) this.#pushed(candidacy);
      for (const reply of frame.replies) this.#calls.receive(reply);
      if (frame.leases.length > 0) this.#renewed(frame.leases);
    } finally {
      this.#frameAt = undefined;
      this.#judge();
    }
  }

  detached(isGoodbye: boolean): void {
    this.#beat.answered();
    if (!isGoodbye) this.#leases.disconnect();
    this.#judge();
    for (const partition of this.#members.partitions) this.#reviewAll(partition);
    this.#closed?.();
  }

  drain(): AttachRequest | undefined {
    if (this.#isClosing) {
      if (this.#closed === undefined || this.#hasSentClose) return undefined;
      this.#hasSentClose = true;
      return create(AttachRequestSchema, { closeSession: true });
    }
    const commands = this.#calls.drain(this.#clock.now());
    const renewals = this.#isRenewalDue && !this.#business.isEmpty ? [this.#renew()] : [];
    if (commands.length === 0 && renewals.length === 0) return undefined;
    return create(AttachRequestSchema, { commands, renewals });
  }

  // What the beat of renewals tells.

  renewalDue(): void {
    this.#judge();
    this.#isRenewalDue = true;
    this.#channel.poke();
    this.#beat.rest();
  }

  unanswered(): void {
    this.#channel.restart(new ElectionError("TIMEOUT", "a renewal was not answered in time"));
  }

  #ask(partition: number, number: bigint, build: BuildCommand, listener: CallListener): void {
    const id = create(CommandIdSchema, { sessionId: this.#id, number });
    this.#calls.ask(build(id), {
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
          if (registered && !replayed) this.#leases.register(partition, answer.firstSentAt);
        }
        listener.answered(answer);
      },
      refused: (error) => {
        this.#numbers.answered(partition, number);
        listener.refused(error);
      },
    });
  }

  #renew(): Renewal {
    this.#isRenewalDue = false;
    this.#beat.sent();
    const number = this.#leases.send();
    return create(RenewalSchema, { number, partitions: this.#business.partitions });
  }

  #renewed(leases: readonly Lease[]): void {
    this.#beat.answered();
    let isConfirmed = false;
    for (const { partition, status, number, officeRevision } of leases) {
      switch (status) {
        case LeaseStatus.CONFIRMED:
          isConfirmed = true;
          this.#leases.confirm(partition, number);
          this.#acknowledged(partition, officeRevision);
          break;
        case LeaseStatus.ENDED:
          this.endOn(partition);
          break;
        case LeaseStatus.NOT_REGISTERED:
          if (this.#business.wasRenewed(partition, this.#leases.nextNumber)) this.endOn(partition);
          break;
        default:
          this.#beat.hurry();
      }
    }
    this.#unconfirmed = isConfirmed ? 0 : this.#unconfirmed + 1;
    if (this.#unconfirmed >= UNCONFIRMED_MAX && this.#context.endpoints.count > 1) {
      this.#channel.restart(new ElectionError("NO_QUORUM", "no quorum confirms the renewals"));
    }
  }

  #acknowledged(partition: number, officeRevision: bigint): void {
    const ledger = this.#ledger(partition);
    ledger.acknowledge(officeRevision);
    // The push is probably on its way; asking costs little and ends the doubt in any case.
    if (ledger.isSuspended && !ledger.isReadUnderWay) this.#readAll(partition);
    this.#reviewAll(partition);
  }

  #pushed(candidacy: CandidacyMessage): void {
    const { partition, revision } = candidacy;
    const ledger = this.#ledger(partition);
    const key = `${candidacy.election?.name ?? ""}\n${candidacy.candidate}`;
    const member = this.#members.find(partition, key);
    const fact = factOfPush(candidacy);
    // During a reading this may be a picture taken by a replica that lags: let a renewal confirm it.
    const isFresh = !ledger.isReading || fact.place !== "leading";
    if (member !== undefined) member.told(fact, isFresh ? 0n : this.renewNow(partition));
    const wasSuspended = ledger.isSuspended;
    ledger.push(revision);
    if (wasSuspended && !ledger.isSuspended) this.#reviewAll(partition);
  }

  #readAll(partition: number): void {
    const members = this.#members.on(partition);
    this.#ledger(partition).beginReading(members);
    for (const member of members) member.read();
  }

  #ledger(partition: number): OfficeLedger {
    let ledger = this.#ledgers.get(partition);
    if (ledger === undefined) {
      ledger = new OfficeLedger();
      this.#ledgers.set(partition, ledger);
    }
    return ledger;
  }

  #reviewAll(partition: number): void {
    for (const member of this.#members.on(partition)) member.review();
  }

  /**
   * Tells a partition's members when its lease has begun or run out, and sets the clock for the next.
   */
  #judge(): Instant {
    this.#cancelJudgement();
    const now = this.#clock.now();
    let nextMs = Number.POSITIVE_INFINITY;
    for (const partition of this.#members.partitions) {
      const remainingMs = this.#leases.remainingMs(partition, now);
      const isAlive = remainingMs > 0;
      if (isAlive) nextMs = Math.min(nextMs, remainingMs);
      if (isAlive === this.#alive.has(partition)) continue;
      if (isAlive) this.#alive.add(partition);
      else this.#alive.delete(partition);
      this.#reviewAll(partition);
    }
    if (nextMs !== Number.POSITIVE_INFINITY && !this.#isClosed) {
      this.#cancelJudgement = this.#context.runtime.clock.setTimer(nextMs, () => this.#judge());
    }
    return now;
  }
}
