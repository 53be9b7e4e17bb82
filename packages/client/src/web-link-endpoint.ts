// SPDX-License-Identifier: Apache-2.0
/**
 * One endpoint as a page uses it: all attachments there hear over one stream, since a browser gives a
 * host six connections of HTTP/1.1 over all its tabs.
 *
 * Who joins, or watches something else, needs a new stream; the old one goes on until the new one has
 * spoken. Where streams are held back on the way it polls. How often it dials is decided here, whatever
 * the core asks; what is said, is not.
 */

import { create } from "@bufbuild/protobuf";
import { ListenRequestSchema, type ListenResponse, SessionService } from "@conclave/api";
import type { CancelTimer, Clock, Prng } from "@conclave/base";
import type { Attachment, AttachmentListener } from "./link.ts";
import { WebAttachment, type WebAttachmentOwner } from "./web-link-attachment.ts";
import { Starvation } from "./web-link-starvation.ts";
import type { WebTokens } from "./web-link-token.ts";
import { oneAnswer, type WebTransport } from "./web-transport.ts";
import { errorFromFrame } from "./wire-errors.ts";

export interface WebEndpointContext {
  readonly transport: WebTransport;
  readonly tokens: WebTokens;
  readonly clock: Clock;
  readonly prng: Prng;
  readonly warn: (message: string) => void;
  /** Whether anything may be dialled at present; `wake` is called when it may be again. */
  mayDial(): boolean;
  /** What is to be told instead of a failure to reach this endpoint for the first time. */
  explain(endpoint: string, cause: unknown): Promise<unknown>;
  /** Asks for what anybody may have, and nobody needs. */
  probe(endpoint: string): Promise<unknown>;
  /** For a call that nobody is there to give up. */
  limit(): AbortSignal;
}

/** Attachments of one turn share a stream. */
const COALESCE_MS = 2;
/** Between two streams while one stands. */
const RESTART_MS = 100;
/** Between two dials without one, plus a jitter of up to as much again. */
const REDIAL_MS = 1_000;
/** A stream that says nothing for this long may be held back on its way: less than the core's patience. */
const DOUBT_MS = 700;
/** One that has said nothing for this long, while a poll was answered, is held back. */
const VERDICT_MS = 3_000;
/** How long it then polls before it tries a stream again, at the next dial. */
const POLLS_FOR_MS = 5 * 60_000;
const POLL_MS = 10_000;
/** For who waits for a welcome, which ends no poll. */
const SHORT_POLL_MS = 50;
/** For how long a page gives way to other tabs, and how often it polls then. */
const GIVES_WAY_MS = { lasts: 60_000, pause: 1_000 };
/** Watches are told of progress every 10 s: where nothing comes the path is dead, and nobody said so. */
const SILENCE_MS = 25_000;
/** Of them one has spoken and one is to take its place. */
const STREAMS_MAX = 2;

interface PageStream {
  readonly number: number;
  readonly isPoll: boolean;
  readonly sinceMs: number;
  readonly abort: AbortController;
  hasSpoken: boolean;
}

export class WebEndpoint implements WebAttachmentOwner {
  readonly #url: string;
  readonly #context: WebEndpointContext;
  readonly #attachments = new Map<number, WebAttachment>();
  readonly #streams = new Set<PageStream>();
  #lastId = 0;
  #lastStream = 0;
  /** What is to be heard is not what the last stream was asked for. */
  #isStale = false;
  #lastDialMs = Number.NEGATIVE_INFINITY;
  #redialMs = Number.NEGATIVE_INFINITY;
  /** Whether anything was heard since the last dial; nothing is known against who was not dialled. */
  #hasHeard = true;
  /** Nor was anything between that dial and the one before. */
  #isMute = false;
  #cancelDial: CancelTimer | undefined;
  #cancelWatch: CancelTimer | undefined;
  #heardMs = 0;
  #hasAnswered = false;
  #isPolling = false;
  /** A stream has been in doubt, and none has spoken since: the next one is asked for with a poll beside it. */
  #isDoubtful = false;
  #pollsUntilMs = Number.NEGATIVE_INFINITY;
  #hasWarned = false;
  #givesWay = false;
  readonly #starvation: Starvation;

  constructor(url: string, context: WebEndpointContext) {
    this.#url = url;
    this.#context = context;
    this.#starvation = new Starvation(url, context.clock, {
      starved: () => this.#giveWay(),
      probe: () => context.probe(url),
    });
  }

  attach(listener: AttachmentListener): Attachment {
    this.#lastId += 1;
    const attachment = new WebAttachment(this.#lastId, this, listener);
    this.#attachments.set(attachment.id, attachment);
    return attachment;
  }

  /** It may be dialled again. */
  wake(): void {
    this.#schedule();
  }

  /** Ends everything from this side, and says so; what is attached later waits for `wake`. */
  end(cause: unknown): void {
    const ended = this.#release();
    for (const attachment of ended) attachment.end(cause);
  }

  // What attachments ask and tell.

  changed(): void {
    this.#isStale = true;
    this.#schedule();
  }

  left(attachment: WebAttachment): void {
    if (!this.#attachments.delete(attachment.id)) return;
    if (this.#attachments.size === 0) this.#release();
    else this.changed();
  }

  lost(cause: unknown): void {
    const isFirstFailure = !this.#hasAnswered;
    const lost = this.#release();
    if (!isFirstFailure) {
      for (const attachment of lost) attachment.end(cause);
      return;
    }
    void this.#context.explain(this.#url, cause).then((explained) => {
      for (const attachment of lost) attachment.end(explained);
    });
  }

  ask: WebAttachmentOwner["ask"] = async (method, message, signal) => {
    const { transport, tokens } = this.#context;
    const token = await tokens.current();
    signal.throwIfAborted();
    const call = { endpoint: this.#url, method, message, token, signal };
    return this.#starvation.await(oneAnswer(transport, call));
  };

  askLast: WebAttachmentOwner["askLast"] = (method, message) => {
    const { transport, tokens } = this.#context;
    const [token, signal] = [tokens.last, this.#context.limit()];
    const call = { endpoint: this.#url, method, message, token, signal, keepalive: true };
    return oneAnswer(transport, call);
  };

  #release(): WebAttachment[] {
    const released = [...this.#attachments.values()];
    this.#attachments.clear();
    for (const stream of this.#streams) this.#drop(stream);
    this.#cancelDial?.();
    this.#cancelDial = undefined;
    this.#cancelWatch?.();
    this.#starvation.reset();
    this.#isPolling = false;
    return released;
  }

  #drop(stream: PageStream): void {
    this.#streams.delete(stream);
    stream.abort.abort();
  }

  #schedule(): void {
    if (!this.#isStale || this.#cancelDial !== undefined || !this.#context.mayDial()) return;
    if (!this.#isPolling && this.#streams.size >= STREAMS_MAX) return;
    const waitMs = Math.max(COALESCE_MS, this.#dueMs - this.#context.clock.monotonicMs());
    this.#cancelDial = this.#context.clock.setTimer(waitMs, () => {
      this.#cancelDial = undefined;
      // Meanwhile what stood may have fallen, and a dial is due later than another stream was.
      if (this.#dueMs > this.#context.clock.monotonicMs()) this.#schedule();
      else this.#dial();
    });
  }

  /** Whether there is nothing to take the place of: a stream, or a series of polls. */
  get #isAfresh(): boolean {
    return this.#streams.size === 0 && !this.#isPolling;
  }

  get #dueMs(): number {
    const isPaced = this.#isAfresh || this.#isMute;
    if (isPaced) return this.#redialMs;
    return this.#lastDialMs + (this.#givesWay ? GIVES_WAY_MS.pause : RESTART_MS);
  }

  #dial(): void {
    if (!this.#isStale || !this.#context.mayDial()) return;
    const nowMs = this.#context.clock.monotonicMs();
    if (this.#givesWay && nowMs >= this.#pollsUntilMs) {
      this.#givesWay = false;
      this.#isPolling = false;
    }
    if (this.#isAfresh) {
      this.#heardMs = nowMs;
      this.#isPolling = nowMs < this.#pollsUntilMs;
    }
    this.#redialMs = nowMs + REDIAL_MS + this.#context.prng.below(REDIAL_MS);
    // A poll tells nothing before its end: one that asks for less than is wanted is of no use.
    if (this.#isPolling) this.#dropPolls();
    this.#open(this.#isPolling);
  }

  #open(isPoll: boolean): void {
    const sinceMs = this.#context.clock.monotonicMs();
    this.#lastDialMs = sinceMs;
    this.#isMute = !this.#hasHeard;
    this.#hasHeard = false;
    this.#lastStream += 1;
    const number = this.#lastStream;
    const stream = { number, isPoll, sinceMs, abort: new AbortController(), hasSpoken: false };
    this.#streams.add(stream);
    void this.#run(stream);
    if (isPoll) return;
    this.#watchOver(stream, this.#isDoubtful ? 0 : DOUBT_MS, () => this.#doubt());
    this.#watchOver(stream, VERDICT_MS, () => this.#decide());
  }

  async #run(stream: PageStream): Promise<void> {
    const { transport, tokens } = this.#context;
    const { signal } = stream.abort;
    let cause: unknown;
    try {
      const token = await tokens.renewed();
      if (signal.aborted) return;
      this.#isStale = false;
      const message = this.#request(stream.isPoll);
      const method = SessionService.method.listen;
      const call = { endpoint: this.#url, method, message, token, signal };
      const refusal = await transport.call(call, (told) => this.#hear(stream, told));
      const isGoingOn = stream.isPoll && refusal === undefined;
      if (this.#streams.delete(stream) && isGoingOn) return this.changed();
      cause =
        refusal === undefined
          ? new Error(`${this.#url} ended the stream`)
          : errorFromFrame(refusal);
    } catch (error) {
      cause = error;
    }
    // Of one that was dropped nobody wants to know.
    if (!signal.aborted) this.lost(cause);
  }

  #request(isPoll: boolean): ReturnType<typeof create<typeof ListenRequestSchema>> {
    const attachments = [...this.#attachments.values()];
    const listeners = attachments.flatMap((a) => a.asListener(isPoll) ?? []);
    const isLong = !this.#givesWay && attachments.every(({ stream }) => stream > 0);
    const nanos = 1_000_000 * (isLong ? 0 : SHORT_POLL_MS);
    const poll = { seconds: BigInt(isLong ? POLL_MS / 1_000 : 0), nanos };
    return create(ListenRequestSchema, { listeners, ...(isPoll ? { poll } : {}) });
  }

  #hear(stream: PageStream, { id, told }: ListenResponse): void {
    if (!this.#streams.has(stream)) return;
    this.#heardMs = this.#context.clock.monotonicMs();
    this.#hasHeard = true;
    if (this.#isMute) this.#isAudible();
    if (!stream.hasSpoken) this.#beginsToSpeak(stream);
    const attachment = this.#attachments.get(id);
    if (attachment !== undefined && told.case === "frame")
      attachment.hear(stream.number, told.value);
    if (attachment !== undefined && told.case === "error") {
      this.left(attachment);
      attachment.end(errorFromFrame(told.value));
    }
    this.#dropReplaced(stream);
  }

  /** What was put off while it was mute is due sooner. */
  #isAudible(): void {
    this.#isMute = false;
    this.#cancelDial?.();
    this.#cancelDial = undefined;
    this.#schedule();
  }

  #beginsToSpeak(stream: PageStream): void {
    stream.hasSpoken = true;
    this.#hasAnswered = true;
    this.#keepListening();
    if (stream.isPoll) {
      this.#judge();
      return;
    }
    this.#isDoubtful = false;
    this.#starvation.keepAsking();
    if (!this.#isPolling) return;
    // It was slow and not held back. The polls were asked for later and may have told of more.
    this.#isPolling = false;
    this.#dropPolls();
    this.changed();
  }

  /** The older streams, when this one has spoken for everybody that it can. */
  #dropReplaced(stream: PageStream): void {
    for (const older of this.#streams) {
      if (older.number >= stream.number || older.isPoll !== stream.isPoll) continue;
      const isReplaced = [...this.#attachments.values()].every((a) => a.stream !== older.number);
      if (isReplaced) this.#drop(older);
    }
    this.#schedule();
  }

  #dropPolls(): void {
    for (const stream of this.#streams) if (stream.isPoll) this.#drop(stream);
  }

  #watchOver(stream: PageStream, waitMs: number, silent: () => void): void {
    this.#context.clock.setTimer(waitMs, () => {
      if (!stream.hasSpoken && this.#streams.has(stream)) silent();
    });
  }

  get #isHearing(): boolean {
    return [...this.#streams].some(({ isPoll, hasSpoken }) => hasSpoken && !isPoll);
  }

  /** Asks by a poll whether the stream is held back, or the node slow. */
  #doubt(): void {
    if (this.#isHearing || this.#isPolling) return;
    this.#isDoubtful = true;
    this.#isPolling = true;
    this.#open(true);
  }

  #decide(): void {
    // Held back since lately, or out of connections, of which the one that stands has one.
    if (this.#isHearing) this.lost(new Error(`${this.#url} answers on no further stream`));
    else this.#judge();
  }

  /** A poll that is answered, while a stream that was asked for long before says nothing, tells why. */
  #judge(): void {
    const nowMs = this.#context.clock.monotonicMs();
    const held = [...this.#streams].filter(
      ({ isPoll, hasSpoken, sinceMs }) => !isPoll && !hasSpoken && sinceMs + VERDICT_MS <= nowMs,
    );
    const isAnswered = [...this.#attachments.values()].some((a) => a.stream > 0);
    if (held.length === 0 || !isAnswered || !this.#isPolling) return;
    for (const stream of held) this.#drop(stream);
    this.#pollsUntilMs = nowMs + POLLS_FOR_MS;
    this.#warnOnce(
      "something on the way holds streams back, so this page polls instead, and hears " +
        "late of what it polls for: turn buffering off there (nginx: proxy_buffering off)",
    );
  }

  /** No call gets through: lets go of the connection that the stream holds, as other tabs will. */
  #giveWay(): void {
    if (this.#isPolling || this.#streams.size === 0) return;
    this.#starvation.reset();
    this.#warnOnce(
      "calls get no connection, as where a browser has more than five tabs on a host over HTTP/1.1, " +
        "so this page polls once a second instead: serve TLS, over which nodes speak HTTP/2",
    );
    for (const stream of this.#streams) this.#drop(stream);
    this.#isPolling = true;
    this.#givesWay = true;
    this.#pollsUntilMs = this.#context.clock.monotonicMs() + GIVES_WAY_MS.lasts;
    this.changed();
  }

  #warnOnce(message: string): void {
    if (this.#hasWarned) return;
    this.#hasWarned = true;
    this.#context.warn(`${this.#url}: ${message}`);
  }

  /** Ends what has fallen silent. */
  #keepListening(): void {
    const { clock } = this.#context;
    this.#cancelWatch?.();
    const leftMs = this.#heardMs + SILENCE_MS - clock.monotonicMs();
    this.#cancelWatch = clock.setTimer(Math.max(1, leftMs), () => {
      const isDue = clock.monotonicMs() >= this.#heardMs + SILENCE_MS;
      const isWatching = [...this.#attachments.values()].some((a) => a.isWatching);
      if (!isDue) this.#keepListening();
      else if (isWatching) this.lost(new Error(`${this.#url} has fallen silent`));
      else {
        this.#heardMs = clock.monotonicMs();
        this.#keepListening();
      }
    });
  }
}
