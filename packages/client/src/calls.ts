// SPDX-License-Identifier: Apache-2.0
/**
 * Questions and their answers: numbered, sent over the route of their partition, asked again when that
 * attachment is lost and after a transient refusal, until they are answered or given up.
 *
 * Asking again is safe because of what stands in the command: a session's command has its number,
 * an operator's its request id, and a read changes nothing (semantics A3).
 */

import type { AttachCommand, AttachReply, FrameError } from "@conclave/api";
import type { CancelTimer } from "@conclave/base";
import type { BeliefClock, Instant } from "./belief.ts";
import type { Channel } from "./channel.ts";
import type { Runtime } from "./link.ts";
import { isTransient } from "./wire-errors.ts";

export type Command = AttachCommand["command"];
export type Reply = AttachReply["reply"];

export interface Answer {
  readonly reply: Exclude<Reply, { case: "error" } | { case: undefined }>;
  /** When the command was first sent, over whatever attachment. */
  readonly firstSentAt: Instant;
  /** What the answer came over. */
  readonly channel: Channel;
}

export interface CallListener {
  /** The command is about to be sent, for the first time or again. */
  sending?(): void;
  answered(answer: Answer): void;
  refused(error: FrameError): void;
  /** A transient refusal, after which the question is asked again. */
  delayed?(error: FrameError): void;
}

/** Forgets the question; its answer will reach nobody. */
export type CancelCall = () => void;

interface Call {
  readonly correlation: bigint;
  readonly partition: number;
  readonly command: Command;
  readonly listener: CallListener;
  firstSentAt: Instant | undefined;
  /** Where it has been sent and not been answered, and when by the monotonic clock. */
  sentOver: Channel | undefined;
  sentMs: number;
  /** When it was refused first, by the monotonic clock. */
  refusedMs: number | undefined;
  cancelRetry: CancelTimer | undefined;
}

/**
 * The pause before a question that was refused is asked again is drawn up to a quarter of the time for
 * which it has been refused: a fail-over ends within the shortest, and one that is refused for long costs
 * the servers little.
 */
const RETRY_MS = 25;
const SHORTEST_RETRY_MAX_MS = 100;
const LONGEST_RETRY_MAX_MS = 1_000;
/** A frame holds at most 1 MiB and a command at most 64 KiB: this many of any size fit. */
const COMMANDS_PER_FRAME = 1024;
const FRAME_BYTES = 512 * 1024;

export class Calls {
  readonly #runtime: Runtime;
  readonly #route: (partition: number) => Channel | undefined;
  readonly #open = new Map<bigint, Call>();
  /** What is to be sent, by route; under nothing what has none. */
  readonly #unsent = new Map<Channel | undefined, Call[]>();
  /** Since when a channel has given nothing but transient refusals, in monotonic milliseconds. */
  readonly #refusedSince = new Map<Channel, number>();
  #lastCorrelation = 0n;

  constructor(runtime: Runtime, route: (partition: number) => Channel | undefined) {
    this.#runtime = runtime;
    this.#route = route;
  }

  ask(partition: number, command: Command, listener: CallListener): CancelCall {
    this.#lastCorrelation += 1n;
    const call: Call = {
      correlation: this.#lastCorrelation,
      partition,
      command,
      listener,
      firstSentAt: undefined,
      sentOver: undefined,
      sentMs: 0,
      refusedMs: undefined,
      cancelRetry: undefined,
    };
    this.#open.set(call.correlation, call);
    this.#enqueue(call);
    return () => this.#forget(call);
  }

  /** Everything unanswered that went over this channel goes out again, over the routes then in use. */
  lost(channel: Channel): void {
    this.#refusedSince.delete(channel);
    for (const call of this.#open.values()) {
      if (call.sentOver === channel && call.cancelRetry === undefined) this.#enqueue(call);
    }
  }

  /** What has not been sent leaves over the routes now in use, in the order in which it was asked. */
  rerouted(): void {
    const unsent = [...this.#unsent.values()].flat();
    this.#unsent.clear();
    unsent.sort((a, b) => (a.correlation < b.correlation ? -1 : 1));
    for (const call of unsent) this.#enqueue(call);
  }

  /** What to put into the next frame of a channel; empty when there is nothing. */
  drain(channel: Channel, clock: BeliefClock): AttachCommand[] {
    const unsent = this.#unsent.get(channel);
    const commands: AttachCommand[] = [];
    if (unsent === undefined) return commands;
    const now = clock.now();
    let bytes = 0;
    let taken = 0;
    for (const call of unsent) {
      if (commands.length >= COMMANDS_PER_FRAME || bytes > FRAME_BYTES) break;
      taken += 1;
      if (!this.#open.has(call.correlation)) continue;
      call.firstSentAt ??= now;
      call.sentOver = channel;
      call.sentMs = now.monotonicMs;
      call.listener.sending?.();
      bytes += sizeBound(call.command);
      const { correlation, command } = call;
      commands.push({ $typeName: "conclave.v1.AttachCommand", correlation, command });
    }
    if (taken === unsent.length) this.#unsent.delete(channel);
    else this.#unsent.set(channel, unsent.slice(taken));
    return commands;
  }

  receive(channel: Channel, { correlation, reply }: AttachReply): void {
    const call = this.#open.get(correlation);
    // Not ours any more: given up, or answered over an attachment before.
    if (call?.firstSentAt === undefined || reply.case === undefined) return;
    if (reply.case === "error" && isTransient(reply.value)) {
      if (!this.#refusedSince.has(channel)) {
        this.#refusedSince.set(channel, this.#runtime.clock.monotonicMs());
      }
      call.listener.delayed?.(reply.value);
      this.#askLater(call);
      return;
    }
    this.#refusedSince.delete(channel);
    this.#forget(call);
    if (reply.case === "error") call.listener.refused(reply.value);
    else call.listener.answered({ reply, firstSentAt: call.firstSentAt, channel });
  }

  /** For how long this channel has given nothing but transient refusals; 0 when it has not. */
  refusedForMs(channel: Channel): number {
    const sinceMs = this.#refusedSince.get(channel);
    return sinceMs === undefined ? 0 : this.#runtime.clock.monotonicMs() - sinceMs;
  }

  /** When the oldest question was sent that waits over this channel, in monotonic milliseconds. */
  oldestSentMs(channel: Channel): number | undefined {
    let oldestMs: number | undefined;
    for (const { sentOver, sentMs, cancelRetry } of this.#open.values()) {
      if (sentOver !== channel || cancelRetry !== undefined) continue;
      oldestMs = Math.min(oldestMs ?? sentMs, sentMs);
    }
    return oldestMs;
  }

  /** Forgets everything, without a word to the listeners. */
  close(): void {
    for (const call of [...this.#open.values()]) this.#forget(call);
  }

  #enqueue(call: Call): void {
    call.sentOver = undefined;
    const channel = this.#route(call.partition);
    const unsent = this.#unsent.get(channel);
    if (unsent === undefined) this.#unsent.set(channel, [call]);
    else unsent.push(call);
    channel?.poke();
  }

  #askLater(call: Call): void {
    const { clock, prng } = this.#runtime;
    const nowMs = clock.monotonicMs();
    call.refusedMs ??= nowMs;
    const quarterMs = Math.floor((nowMs - call.refusedMs) / 4);
    const maxMs = Math.min(Math.max(quarterMs, SHORTEST_RETRY_MAX_MS), LONGEST_RETRY_MAX_MS);
    const waitMs = RETRY_MS + prng.below(maxMs - RETRY_MS);
    call.cancelRetry?.();
    call.cancelRetry = clock.setTimer(waitMs, () => {
      call.cancelRetry = undefined;
      this.#enqueue(call);
    });
  }

  #forget(call: Call): void {
    call.cancelRetry?.();
    this.#open.delete(call.correlation);
  }
}

/** An upper bound of a command's size; only metadata makes a command large. */
function sizeBound(command: Command): number {
  const metadata =
    command.case === "enter" || command.case === "updateMetadata" ? command.value.metadata : {};
  let units = 0;
  for (const [key, value] of Object.entries(metadata)) units += key.length + value.length + 8;
  return 2048 + 3 * units;
}
