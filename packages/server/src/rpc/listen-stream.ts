// SPDX-License-Identifier: Apache-2.0
/**
 * The answering halves of several Attach streams in one stream, for clients that send none.
 *
 * Each listener is an Attach stream of its own that hears one frame and never another one. It starts no
 * disconnect grace: a page asks for a new stream whenever it wants to hear something else.
 */

import { create } from "@bufbuild/protobuf";
import { durationMs } from "@bufbuild/protobuf/wkt";
import {
  AttachRequestSchema,
  type AttachResponse,
  ErrorInfoSchema,
  type FrameError,
  FrameErrorSchema,
  type Listener,
  type ListenRequest,
  type ListenResponse,
  ListenResponseSchema,
} from "@conclave/api";
import type { CancelTimer, Clock } from "@conclave/base";
import { Code, ConnectError } from "@connectrpc/connect";
import { codeToString } from "@connectrpc/connect/protocol-connect";
import type { ElectionNode } from "../replica/election-node.ts";
import { connectErrorOf, type Failure, invalidField } from "../wire/failure.ts";
import { AttachStream } from "./attach-stream.ts";
import { PollNews } from "./poll-news.ts";

const LISTENERS_MAX = 64;
const POLL_MS_MAX = 30_000;
/** A poll that has nothing to say but that this node is cut off, as every one does meanwhile, lasts so long. */
const CUT_OFF_POLL_MS = 1_000;

/** As if the server had ended it: that a stream of answers ends says nothing of the client. */
const NO_CONNECTION = { endedByServer: true };

/** @param signal ends the stream: the caller has gone. */
export async function* listen(
  node: ElectionNode,
  request: ListenRequest,
  signal: AbortSignal,
): AsyncGenerator<ListenResponse> {
  const failure = checkListen(request);
  if (failure !== undefined) throw connectErrorOf(failure);
  // No event says so any more.
  if (signal.aborted) return;
  const { poll } = request;
  const listening = new Listening(node, request.listeners, poll !== undefined);
  const cancelTimer =
    poll === undefined ? undefined : node.clock.setTimer(durationMs(poll), () => listening.stop());
  // Not left to `finally` alone: a caller that resets a stream which it does not read leaves us at a
  // `yield` to which nobody returns.
  const close = (): void => {
    cancelTimer?.();
    listening.close();
  };
  signal.addEventListener("abort", close);
  try {
    for (;;) {
      const told = listening.take();
      if (told !== undefined) {
        yield told;
      } else if (listening.isOver) {
        return;
      } else {
        await listening.wait();
      }
    }
  } finally {
    signal.removeEventListener("abort", close);
    close();
  }
}

function checkListen({ listeners, poll }: ListenRequest): Failure | undefined {
  if (listeners.length === 0 || listeners.length > LISTENERS_MAX) {
    return invalidField("listeners", `1 to ${LISTENERS_MAX}`);
  }
  if (new Set(listeners.map(({ id }) => id)).size < listeners.length) {
    return invalidField("listeners.id", "unique in the request");
  }
  const pollMs = poll === undefined ? 0 : durationMs(poll);
  if (!(pollMs >= 0 && pollMs <= POLL_MS_MAX)) return invalidField("poll", "0 to 30 s");
  return undefined;
}

/** Takes from each listener one frame at a time, so that what is not read waits where it is bounded. */
class Listening {
  readonly #streams: AttachStream[] = [];
  readonly #ready: { readonly message: ListenResponse; readonly next: () => void }[] = [];
  /** Of each listener, where this is a long poll. */
  readonly #news: PollNews[] = [];
  #openCount = 0;
  readonly #clock: Clock;
  readonly #sinceMs: number;
  #isStopped = false;
  #isClosed = false;
  #cancelTimer: CancelTimer | undefined;
  #wake: () => void = () => {};

  constructor(node: ElectionNode, listeners: readonly Listener[], isPoll: boolean) {
    this.#clock = node.clock;
    this.#sinceMs = node.clock.monotonicMs();
    for (const listener of listeners) {
      const stream = new AttachStream(node, NO_CONNECTION);
      this.#streams.push(stream);
      const { id, hello, watches } = listener;
      const first = create(AttachRequestSchema, { watches });
      if (hello !== undefined) first.hello = hello;
      stream.take(first);
      this.#openCount += 1;
      const news = isPoll ? new PollNews(node, listener) : undefined;
      if (news !== undefined) this.#news.push(news);
      this.#pull(id, stream.frames(), news);
    }
  }

  /** Nothing is left to tell, now or later. */
  get isOver(): boolean {
    if (this.#isClosed || this.#openCount === 0) return true;
    const isEnough = this.#isStopped || this.#news.some(({ hasNews }) => hasNews);
    return isEnough && !this.#news.some(({ isInMidst }) => isInMidst);
  }

  take(): ListenResponse | undefined {
    const ready = this.#ready.shift();
    ready?.next();
    return ready?.message;
  }

  /** Resolves when there is something to take, or it is over. */
  async wait(): Promise<void> {
    if (this.#ready.length > 0 || this.isOver) return;
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
  }

  /** The time is up. What has come is still told. */
  stop(): void {
    this.#isStopped = true;
    this.#wake();
  }

  close(): void {
    this.#isClosed = true;
    this.#cancelTimer?.();
    for (const stream of this.#streams) stream.close();
    this.#wake();
  }

  #stopLater(): void {
    const leftMs = this.#sinceMs + CUT_OFF_POLL_MS - this.#clock.monotonicMs();
    this.#cancelTimer ??= this.#clock.setTimer(Math.max(0, leftMs), () => this.stop());
  }

  #pull(id: number, frames: AsyncGenerator<AttachResponse>, news: PollNews | undefined): void {
    const tell = (told: ListenResponse["told"], next: () => void): void => {
      this.#ready.push({ message: create(ListenResponseSchema, { id, told }), next });
      this.#wake();
    };
    frames.next().then(
      ({ done, value: frame }) => {
        if (done === true) {
          this.#openCount -= 1;
          news?.end();
          this.#wake();
          return;
        }
        news?.tell(frame);
        if (news?.isCutOff === true) this.#stopLater();
        tell({ case: "frame", value: frame }, () => this.#pull(id, frames, news));
      },
      (error: unknown) => {
        this.#openCount -= 1;
        news?.end();
        tell({ case: "error", value: frameErrorOf(error) }, () => {});
      },
    );
  }
}

function frameErrorOf(thrown: unknown): FrameError {
  const error = ConnectError.from(thrown, Code.Internal);
  const [info] = error.findDetails(ErrorInfoSchema);
  const detail = info === undefined ? {} : { info };
  const { rawMessage: message } = error;
  return create(FrameErrorSchema, { code: codeToString(error.code), message, ...detail });
}
