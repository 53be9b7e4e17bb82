// SPDX-License-Identifier: Apache-2.0
/**
 * The channel without a session: readings, operators' commands and watches.
 *
 * Nobody needs a session to observe, and no candidacy hangs on this stream: that it ends costs
 * nothing but a repetition.
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
import { type BeliefClock, createBeliefClock } from "./belief.ts";
import { type CallListener, Calls, type CancelCall, type Command } from "./calls.ts";
import { Channel, type ChannelContext } from "./channel.ts";

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

export class PlainChannel {
  readonly #calls: Calls;
  readonly #clock: BeliefClock;
  readonly #channel: Channel;
  readonly #stateChanged: () => void;
  readonly #watches = new Map<bigint, Watch>();
  #unasked: Watch[] = [];
  #unwatch: bigint[] = [];
  #lastId = 0n;

  /** `stateChanged` is called whenever `isAttached` may have changed. */
  constructor(context: ChannelContext, stateChanged: () => void) {
    const { clock, suspendClock } = context.runtime;
    this.#clock = createBeliefClock(clock, suspendClock);
    this.#stateChanged = stateChanged;
    this.#channel = new Channel(context, this, WELCOME_MS);
    this.#calls = new Calls(context.runtime, () => this.#channel.poke());
    this.#channel.open();
  }

  get isAttached(): boolean {
    return this.#channel.isAttached;
  }

  ask(command: Command, listener: CallListener): CancelCall {
    return this.#calls.ask(command, listener);
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
    this.#calls.close();
    this.#channel.close();
  }

  // What the channel asks and tells.

  hello(): AttachHello {
    return create(AttachHelloSchema, {});
  }

  attached(): void {
    this.#calls.attached();
    this.#unwatch = [];
    const watches = [...this.#watches.values()];
    this.#watches.clear();
    this.#unasked = [];
    for (const watch of watches) this.#begin(watch);
    this.#stateChanged();
  }

  received(frame: AttachResponse): void {
    for (const reply of frame.replies) this.#calls.receive(reply);
    for (const { id, outcome } of frame.watchEvents) {
      const watch = this.#watches.get(id);
      if (watch === undefined) continue;
      if (outcome.case === "event") watch.listener.event(outcome.value);
      if (outcome.case === "ended") {
        this.#watches.delete(id);
        watch.listener.ended(outcome.value);
      }
    }
  }

  detached(): void {
    for (const { listener } of [...this.#watches.values()]) listener.detached();
    this.#stateChanged();
  }

  drain(): AttachRequest | undefined {
    const commands = this.#calls.drain(this.#clock.now());
    const watches = this.#unasked
      .splice(0)
      .map(({ id, listener }) => create(AttachWatchSchema, { id, request: listener.request() }));
    const unwatch = this.#unwatch.splice(0);
    if (commands.length + watches.length + unwatch.length === 0) return undefined;
    return create(AttachRequestSchema, { commands, watches, unwatch });
  }

  #begin(watch: Watch): void {
    this.#lastId += 1n;
    watch.id = this.#lastId;
    this.#watches.set(watch.id, watch);
    this.#unasked.push(watch);
    this.#channel.poke();
  }

  #end(watch: Watch): void {
    if (!this.#watches.delete(watch.id)) return;
    const isAsked = !this.#unasked.includes(watch);
    this.#unasked = this.#unasked.filter((other) => other !== watch);
    if (isAsked) this.#unwatch.push(watch.id);
    this.#channel.poke();
  }
}
