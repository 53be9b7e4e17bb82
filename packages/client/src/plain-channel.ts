// SPDX-License-Identifier: Apache-2.0
/**
 * What is said without a session: readings, operators' commands and watches.
 *
 * Nobody needs a session to observe, and no candidacy hangs on these streams: that one ends costs
 * nothing but a repetition. Questions go to the leader of their partition, watches to any one node,
 * each of which serves them from what it has applied.
 */

import { create } from "@bufbuild/protobuf";
import {
  type AttachHello,
  AttachHelloSchema,
  type AttachRequest,
  AttachRequestSchema,
  type AttachResponse,
  AttachWatchSchema,
  type FrameError,
  type WatchRequest,
  type WatchResponse,
} from "@conclave/api";
import {
  ANYWHERE,
  Attachments,
  type AttachmentsContext,
  type AttachmentsOwner,
} from "./attachments.ts";
import { type BeliefClock, createBeliefClock } from "./belief.ts";
import { type CallListener, Calls, type CancelCall, type Command } from "./calls.ts";
import type { Channel } from "./channel.ts";
import { ElectionError } from "./error.ts";
import { Silence } from "./silence.ts";

export interface WatchListener {
  /** What to ask for, now: called for each new attachment. */
  request(): WatchRequest;
  event(event: WatchResponse): void;
  /** The server has ended the watch. Nothing more is heard until `restart`. */
  ended(error: FrameError): void;
  /** The connection, and the watch with it, is gone for now; it is asked for again. */
  detached(): void;
}

export interface WatchHandle {
  /** Asks again, under a new id: what the old one still sends is dropped. */
  restart(): void;
  cancel(): void;
}

interface Watch {
  readonly listener: WatchListener;
  id: bigint;
}

const WELCOME_MS = 1_000;
/** A node that has refused everything for this long is left for another one. */
const REFUSAL_PATIENCE_MS = 500;
/** Where no node has contact with a quorum, going round and round would help nobody. */
const STAY_MS = 2_000;

export class PlainChannel implements AttachmentsOwner {
  readonly welcomeMs: number = WELCOME_MS;
  readonly #calls: Calls;
  readonly #clock: BeliefClock;
  readonly #context: AttachmentsContext;
  readonly #attachments: Attachments;
  readonly #stateChanged: () => void;
  readonly #silence: Silence;
  readonly #watches = new Map<bigint, Watch>();
  #unasked: Watch[] = [];
  #unwatch: bigint[] = [];
  #lastId = 0n;

  #staysUntilMs = 0;
  /** Where the watches are. */
  #watchedOver: Channel | undefined;

  /** `stateChanged` is called whenever `isAttached` may have changed. */
  constructor(context: AttachmentsContext, stateChanged: () => void) {
    const { clock, suspendClock } = context.runtime;
    this.#context = context;
    this.#clock = createBeliefClock(clock, suspendClock);
    this.#stateChanged = stateChanged;
    this.#attachments = new Attachments(context, this);
    this.#calls = new Calls(context.runtime, (partition) => this.#attachments.route(partition));
    this.#silence = new Silence(clock, {
      oldestSentMs: (channel) => this.#calls.oldestSentMs(channel),
      silent: (channel) => this.#giveUp(channel),
    });
    this.#attachments.use(ANYWHERE);
    this.#attachments.open();
  }

  get isAttached(): boolean {
    return this.#attachments.isAttached;
  }

  /** `partition`: of the election that is asked about; ANYWHERE where it is none in particular. */
  ask(partition: number, command: Command, listener: CallListener): CancelCall {
    this.#attachments.use(partition);
    return this.#calls.ask(partition, command, listener);
  }

  watch(listener: WatchListener): WatchHandle {
    const watch: Watch = { listener, id: 0n };
    this.#begin(watch);
    return {
      restart: () => {
        this.#end(watch);
        this.#begin(watch);
      },
      cancel: () => this.#end(watch),
    };
  }

  close(): void {
    this.#silence.close();
    this.#calls.close();
    this.#attachments.close();
  }

  // What the attachments ask and tell.

  hello(): AttachHello {
    return create(AttachHelloSchema, {});
  }

  attached(): void {
    this.#stateChanged();
  }

  rerouted(partitions: readonly number[]): void {
    this.#calls.rerouted();
    if (partitions.includes(ANYWHERE)) this.#watchOver(this.#attachments.route(ANYWHERE));
  }

  received(channel: Channel, frame: AttachResponse): void {
    this.#silence.heard(channel);
    for (const reply of frame.replies) this.#calls.receive(channel, reply);
    let isCutOff = false;
    for (const { id, outcome } of frame.watchEvents) {
      const watch = this.#watches.get(id);
      if (watch === undefined) continue;
      if (outcome.case === "event") {
        const { event } = outcome.value;
        isCutOff ||= event.case === "contact" && !event.value.quorum;
        watch.listener.event(outcome.value);
      }
      if (outcome.case === "ended") {
        this.#watches.delete(id);
        watch.listener.ended(outcome.value);
      }
    }
    if (isCutOff || this.#calls.refusedForMs(channel) >= REFUSAL_PATIENCE_MS) this.#leave(channel);
  }

  detached(channel: Channel): void {
    this.#silence.forget(channel);
    if (channel === this.#watchedOver) {
      this.#watchedOver = undefined;
      for (const { listener } of [...this.#watches.values()]) listener.detached();
    }
    this.#calls.lost(channel);
    this.#stateChanged();
  }

  drain(channel: Channel): AttachRequest | undefined {
    const commands = this.#calls.drain(channel, this.#clock);
    if (commands.length > 0) this.#silence.asked(channel);
    const isWatched = channel === this.#watchedOver;
    const unasked = isWatched ? this.#unasked.splice(0) : [];
    const watches = unasked.map(({ id, listener }) =>
      create(AttachWatchSchema, { id, request: listener.request() }),
    );
    const unwatch = isWatched ? this.#unwatch.splice(0) : [];
    if (commands.length + watches.length + unwatch.length === 0) return undefined;
    return create(AttachRequestSchema, { commands, watches, unwatch });
  }

  /** Begins all watches anew, where they resume. */
  #watchOver(channel: Channel | undefined): void {
    if (channel === this.#watchedOver) return;
    this.#watchedOver = channel;
    const watches = [...this.#watches.values()];
    this.#watches.clear();
    this.#unwatch = [];
    this.#unasked = [];
    for (const watch of watches) this.#begin(watch);
  }

  /** What this node has to say is old, or nothing: another one is asked. */
  #leave(channel: Channel): void {
    const nowMs = this.#clock.now().monotonicMs;
    if (this.#context.endpoints.count === 1 || nowMs < this.#staysUntilMs) return;
    this.#staysUntilMs = nowMs + STAY_MS;
    channel.restart(new ElectionError("NO_QUORUM", "the node has no contact with a quorum"));
  }

  /** Nothing comes from there: what was asked is asked of another node, under the same ids. */
  #giveUp(channel: Channel): void {
    if (this.#context.endpoints.count === 1) return;
    channel.restart(new ElectionError("TIMEOUT", "a question was not answered in time"));
  }

  #begin(watch: Watch): void {
    this.#lastId += 1n;
    watch.id = this.#lastId;
    this.#watches.set(watch.id, watch);
    this.#unasked.push(watch);
    this.#watchedOver?.poke();
  }

  #end(watch: Watch): void {
    if (!this.#watches.delete(watch.id)) return;
    const isAsked = !this.#unasked.includes(watch);
    this.#unasked = this.#unasked.filter((other) => other !== watch);
    if (isAsked) this.#unwatch.push(watch.id);
    this.#watchedOver?.poke();
  }
}
