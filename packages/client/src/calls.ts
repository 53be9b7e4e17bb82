// SPDX-License-Identifier: Apache-2.0
/**
 * Questions on a channel and their answers: numbered, asked again after each new attachment and
 * after a transient refusal, until they are answered or given up.
 *
 * Asking again is safe because of what stands in the command: a session's command has its number,
 * an operator's its request id, and a read changes nothing (semantics A3).
 */

import { create } from "@bufbuild/protobuf";
import {
  type AttachCommand,
  AttachCommandSchema,
  type AttachReply,
  type FrameError,
} from "@conclave/api";
import type { CancelTimer } from "@conclave/base";
import type { Instant } from "./belief.ts";
import type { Runtime } from "./link.ts";
import { isTransient } from "./wire-errors.ts";

export type Command = AttachCommand["command"];
export type Reply = AttachReply["reply"];

export interface Answer {
  readonly reply: Exclude<Reply, { case: "error" } | { case: undefined }>;
  /** When the command was first sent, over whatever attachment. */
  readonly firstSentAt: Instant;
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
  readonly command: Command;
  readonly listener: CallListener;
  firstSentAt: Instant | undefined;
  cancelRetry: CancelTimer;
}

const RETRY_MS = 25;
const RETRY_RANGE_MS = 75;
/** A frame holds at most 1 MiB and a command at most 64 KiB: this many of any size fit. */
const COMMANDS_PER_FRAME = 1024;
const FRAME_BYTES = 512 * 1024;

export class Calls {
  readonly #runtime: Runtime;
  readonly #poke: () => void;
  readonly #open = new Map<bigint, Call>();
  #unsent: Call[] = [];
  #lastCorrelation = 0n;

  constructor(runtime: Runtime, poke: () => void) {
    this.#runtime = runtime;
    this.#poke = poke;
  }

  ask(command: Command, listener: CallListener): CancelCall {
    this.#lastCorrelation += 1n;
    const correlation = this.#lastCorrelation;
    const call: Call = {
      correlation,
      command,
      listener,
      firstSentAt: undefined,
      cancelRetry: () => {},
    };
    this.#open.set(correlation, call);
    this.#unsent.push(call);
    this.#poke();
    return () => this.#forget(call);
  }

  /** Everything unanswered goes out again, in the order in which it was asked. */
  attached(): void {
    for (const call of this.#open.values()) call.cancelRetry();
    this.#unsent = [...this.#open.values()];
  }

  /** What to put into the next frame; empty when there is nothing. */
  drain(now: Instant): AttachCommand[] {
    const commands: AttachCommand[] = [];
    let bytes = 0;
    let taken = 0;
    for (const call of this.#unsent) {
      if (commands.length >= COMMANDS_PER_FRAME || bytes > FRAME_BYTES) break;
      taken += 1;
      if (!this.#open.has(call.correlation)) continue;
      call.firstSentAt ??= now;
      call.listener.sending?.();
      bytes += sizeBound(call.command);
      commands.push(
        create(AttachCommandSchema, { correlation: call.correlation, command: call.command }),
      );
    }
    this.#unsent = this.#unsent.slice(taken);
    return commands;
  }

  receive({ correlation, reply }: AttachReply): void {
    const call = this.#open.get(correlation);
    // Not ours any more: given up, or answered over an attachment before.
    if (call?.firstSentAt === undefined || reply.case === undefined) return;
    if (reply.case === "error" && isTransient(reply.value)) {
      call.listener.delayed?.(reply.value);
      this.#askLater(call);
      return;
    }
    this.#forget(call);
    if (reply.case === "error") call.listener.refused(reply.value);
    else call.listener.answered({ reply, firstSentAt: call.firstSentAt });
  }

  /** Forgets everything, without a word to the listeners. */
  close(): void {
    for (const call of [...this.#open.values()]) this.#forget(call);
  }

  #askLater(call: Call): void {
    const waitMs = RETRY_MS + this.#runtime.prng.below(RETRY_RANGE_MS);
    call.cancelRetry();
    call.cancelRetry = this.#runtime.clock.setTimer(waitMs, () => {
      this.#unsent.push(call);
      this.#poke();
    });
  }

  #forget(call: Call): void {
    call.cancelRetry();
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
