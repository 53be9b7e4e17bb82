// SPDX-License-Identifier: Apache-2.0
/**
 * One stream that another node has dialled: takes its greeting, hands on its Raft messages, serves its
 * calls, and sends what they answer.
 *
 * Whatever comes on it may end this stream and nothing else.
 */

import type { Answer, Call, ExchangeRequest, ExchangeResponse } from "@conclave/api/peer";
import type { Clock } from "@conclave/base";
import { type GroupMessage, type ReplicaId, replicaIdOf } from "@conclave/raft";
import type { PeerCallHandler } from "../replica/peer-calls.ts";
import { readHeartbeatResponses, readHeartbeats } from "../wire/heartbeats.ts";
import { isMalformed, type Malformed } from "../wire/malformed.ts";
import { groupMessageOf } from "../wire/raft-messages.ts";
import type { Caller, Self } from "./greeting.ts";
import { nextOf } from "./next-of.ts";
import { type PeerRefusal, refusalMessageOf } from "./refusal.ts";
import { SignalFlag } from "./signal-flag.ts";

export interface InboundOwner {
  readonly self: Self;
  readonly clock: Clock;
  /** Takes the caller, or says why not; asked once. */
  greeted(
    hello: NonNullable<ExchangeRequest["hello"]>,
    stream: InboundStream,
  ): Caller | PeerRefusal;
  receive(from: ReplicaId, messages: readonly GroupMessage[]): void;
  readonly serve: PeerCallHandler;
  refused(caller: Caller | undefined, refusal: PeerRefusal): void;
  /** The last call. */
  ended(stream: InboundStream): void;
}

/** Calls of one peer that may be served at once, or wait to be answered. */
const CALLS_MAX = 8_192;
/** What may wait for a peer that does not read; then its stream is ended. */
const ANSWER_BYTES_MAX = 64 * 1024 * 1024;
/** A frame of answers ends where it would grow beyond this. */
const FRAME_BYTES_MAX = 1024 * 1024;
const ANSWER_BYTES = 32;
/** Beats of the mesh, 1 s each; a peer sends something in every one of them. */
const SILENT_BEATS = 4;

export class InboundStream {
  readonly #owner: InboundOwner;
  readonly #flag = new SignalFlag();
  readonly #served = new Map<bigint, AbortController>();
  #caller: Caller | undefined;
  #isWelcomeDue = false;
  #refusal: PeerRefusal | undefined;
  #answers: Answer[] = [];
  #answerBytes = 0;
  #pong = 0n;
  #isEnded = false;
  #silentBeats = 0;

  constructor(owner: InboundOwner) {
    this.#owner = owner;
  }

  get caller(): Caller | undefined {
    return this.#caller;
  }

  /** Reads the peer's frames until they end, or the stream does. */
  async read(requests: AsyncIterable<ExchangeRequest>): Promise<void> {
    const iterator = requests[Symbol.asyncIterator]();
    for (;;) {
      const request = await nextOf(iterator);
      if (request === undefined || this.#isEnded || this.#refusal !== undefined) break;
      this.#silentBeats = 0;
      const refusal = this.#handle(request);
      if (refusal !== undefined) this.refuse(refusal);
    }
    // A refusal is still to be sent; whoever sends it ends the stream.
    if (this.#refusal === undefined) this.#end();
  }

  /** The frames to send. Returning from it, as a platform does whose connection is over, ends the stream. */
  async *frames(): AsyncGenerator<ExchangeResponse> {
    try {
      for (;;) {
        if (this.#refusal !== undefined) {
          yield { ...emptyResponse(), refusal: refusalMessageOf(this.#refusal) };
          return;
        }
        if (this.#isEnded) return;
        const frame = this.#take();
        if (frame === undefined) await this.#flag.wait();
        else yield frame;
      }
    } finally {
      this.#end();
    }
  }

  /** Ends the stream, with a reason for the peer. */
  refuse(refusal: PeerRefusal): void {
    if (this.#isEnded || this.#refusal !== undefined) return;
    this.#refusal = refusal;
    this.#owner.refused(this.#caller, refusal);
    this.#stopServing();
    this.#flag.raise();
  }

  /** Called by the mesh once a second of the loop's time, however late. */
  beat(): void {
    if (++this.#silentBeats <= SILENT_BEATS) return;
    this.refuse({ reason: "silent", detail: "its stream was silent" });
    // Who is silent may not read either.
    this.#end();
  }

  #handle(request: ExchangeRequest): PeerRefusal | undefined {
    if (this.#caller === undefined) return this.#greet(request);
    const messages = messagesOf(request);
    if (isMalformed(messages)) return { reason: "malformed", detail: messages.detail };
    const { node, incarnation } = this.#caller;
    if (messages.length > 0) this.#owner.receive(replicaIdOf(node, incarnation), messages);
    for (const call of request.calls) this.#serve(node, call);
    for (const correlation of request.cancelled) this.#served.get(correlation)?.abort();
    if (request.ping !== 0n) {
      this.#pong = request.ping;
      this.#flag.raise();
    }
    return undefined;
  }

  #greet({ hello }: ExchangeRequest): PeerRefusal | undefined {
    if (hello === undefined) return { reason: "malformed", detail: "the first frame greets" };
    const caller = this.#owner.greeted(hello, this);
    if ("reason" in caller) return caller;
    this.#caller = caller;
    this.#isWelcomeDue = true;
    this.#flag.raise();
    return undefined;
  }

  #serve(from: number, { correlation, timeoutMs, request }: Call): void {
    if (this.#served.has(correlation)) return;
    if (this.#served.size + this.#answers.length >= CALLS_MAX) {
      this.#answer(correlation, new Uint8Array(), true);
      return;
    }
    const controller = new AbortController();
    this.#served.set(correlation, controller);
    const giveUpAtMs = this.#owner.clock.monotonicMs() + timeoutMs;
    const { signal } = controller;
    void this.#owner.serve(from, request, { giveUpAtMs, signal }).then((answer) => {
      this.#served.delete(correlation);
      if (!signal.aborted) this.#answer(correlation, answer, false);
    });
  }

  #answer(correlation: bigint, answer: Uint8Array, isRefused: boolean): void {
    this.#answers.push({
      $typeName: "conclave.peer.v1.Answer",
      correlation,
      // Only read; the types cannot know that it is no shared memory.
      answer: answer as Uint8Array<ArrayBuffer>,
      isRefused,
    });
    this.#answerBytes += answer.length + ANSWER_BYTES;
    if (this.#answerBytes > ANSWER_BYTES_MAX) this.#end();
    this.#flag.raise();
  }

  #take(): ExchangeResponse | undefined {
    if (!this.#isWelcomeDue && this.#pong === 0n && this.#answers.length === 0) return undefined;
    const frame = emptyResponse();
    if (this.#isWelcomeDue) {
      const { version, node, incarnation } = this.#owner.self;
      frame.welcome = { $typeName: "conclave.peer.v1.Welcome", version, node, incarnation };
      this.#isWelcomeDue = false;
    }
    frame.pong = this.#pong;
    this.#pong = 0n;
    let bytes = 0;
    let taken = 0;
    for (const answer of this.#answers) {
      const size = answer.answer.length + ANSWER_BYTES;
      if (taken > 0 && bytes + size > FRAME_BYTES_MAX) break;
      bytes += size;
      taken++;
    }
    const isAll = taken === this.#answers.length;
    frame.answers = isAll ? this.#answers : this.#answers.slice(0, taken);
    this.#answers = isAll ? [] : this.#answers.slice(taken);
    this.#answerBytes -= bytes;
    return frame;
  }

  #stopServing(): void {
    for (const controller of this.#served.values()) controller.abort();
    this.#answers = [];
    this.#answerBytes = 0;
  }

  #end(): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#stopServing();
    this.#flag.raise();
    this.#owner.ended(this);
  }
}

/** All Raft messages of a frame, in the order in which they are best handled: appends before heartbeats. */
function messagesOf(request: ExchangeRequest): readonly GroupMessage[] | Malformed {
  const messages: GroupMessage[] = [];
  for (const wire of request.raft) {
    const message = groupMessageOf(wire);
    if (isMalformed(message)) return message;
    messages.push(message);
  }
  const { heartbeats, heartbeatResponses } = request;
  const fault = heartbeats === undefined ? undefined : readHeartbeats(heartbeats, messages);
  if (fault !== undefined) return fault;
  const answersFault =
    heartbeatResponses === undefined
      ? undefined
      : readHeartbeatResponses(heartbeatResponses, messages);
  return answersFault ?? messages;
}

function emptyResponse(): ExchangeResponse {
  return { $typeName: "conclave.peer.v1.ExchangeResponse", answers: [], pong: 0n };
}

/** The whole answer to a stream that nobody here can take. */
export async function* refusingStream(refusal: PeerRefusal): AsyncGenerator<ExchangeResponse> {
  yield { ...emptyResponse(), refusal: refusalMessageOf(refusal) };
}
