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
import { Code, ConnectError } from "@connectrpc/connect";
import { codeToString } from "@connectrpc/connect/protocol-connect";
import type { ElectionNode } from "../replica/election-node.ts";
import { connectErrorOf, type Failure, invalidField } from "../wire/failure.ts";
import { AttachStream } from "./attach-stream.ts";

const LISTENERS_MAX = 64;
const POLL_MS_MAX = 30_000;

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
  const listening = new Listening(node, request.listeners);
  const { poll } = request;
  const cancelTimer =
    poll === undefined ? undefined : node.clock.setTimer(durationMs(poll), () => listening.stop());
  const close = (): void => listening.close();
  signal.addEventListener("abort", close);
  try {
    for (;;) {
      const told = listening.take();
      if (told !== undefined) {
        yield told.message;
        if (poll !== undefined && told.isNews) listening.stop();
      } else if (listening.isOver) {
        return;
      } else {
        await listening.wait();
      }
    }
  } finally {
    cancelTimer?.();
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

interface Told {
  readonly message: ListenResponse;
  readonly isNews: boolean;
}

/** Takes from each listener one frame at a time, so that what is not read waits where it is bounded. */
class Listening {
  readonly #streams: AttachStream[] = [];
  readonly #ready: { readonly told: Told; readonly next: () => void }[] = [];
  #openCount = 0;
  #isStopped = false;
  #wake: () => void = () => {};

  constructor(node: ElectionNode, listeners: readonly Listener[]) {
    for (const listener of listeners) {
      const stream = new AttachStream(node, NO_CONNECTION);
      this.#streams.push(stream);
      const { hello, watches } = listener;
      const first = create(AttachRequestSchema, { watches });
      if (hello !== undefined) first.hello = hello;
      stream.take(first);
      this.#openCount += 1;
      this.#pull(listener, stream.frames());
    }
  }

  /** Nothing is left to tell, now or later. */
  get isOver(): boolean {
    return this.#isStopped || this.#openCount === 0;
  }

  take(): Told | undefined {
    const ready = this.#ready.shift();
    ready?.next();
    return ready?.told;
  }

  /** Resolves when there is something to take, or it is over. */
  async wait(): Promise<void> {
    if (this.#ready.length > 0 || this.isOver) return;
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
  }

  /** What has come is still told. */
  stop(): void {
    this.#isStopped = true;
    this.#wake();
  }

  close(): void {
    for (const stream of this.#streams) stream.close();
    this.stop();
  }

  #pull(listener: Listener, frames: AsyncGenerator<AttachResponse>): void {
    const { id } = listener;
    const tell = (told: Told, next: () => void): void => {
      this.#ready.push({ told, next });
      this.#wake();
    };
    frames.next().then(
      ({ done, value: frame }) => {
        if (done === true) {
          this.#openCount -= 1;
          this.#wake();
          return;
        }
        const message = create(ListenResponseSchema, { id, told: { case: "frame", value: frame } });
        tell({ message, isNews: isNews(frame, listener) }, () => this.#pull(listener, frames));
      },
      (error: unknown) => {
        this.#openCount -= 1;
        const value = frameErrorOf(error);
        const message = create(ListenResponseSchema, { id, told: { case: "error", value } });
        tell({ message, isNews: true }, () => {});
      },
    );
  }
}

/** Whether the client learns from it what it did not know; how far it has been told stands in `told`. */
function isNews(frame: AttachResponse, { told }: Listener): boolean {
  const known = new Map(told.map(({ partition, revision }) => [partition, revision]));
  if (frame.goodbye !== undefined) return true;
  if (frame.candidaciesTold.some(({ partition }) => !known.has(partition))) return true;
  if (
    frame.candidacies.some(({ partition, revision }) => revision > (known.get(partition) ?? 0n))
  ) {
    return true;
  }
  return frame.watchEvents.some(
    ({ outcome }) => outcome.case === "ended" || outcome.value?.event.case !== "progress",
  );
}

function frameErrorOf(thrown: unknown): FrameError {
  const error = ConnectError.from(thrown, Code.Internal);
  const [info] = error.findDetails(ErrorInfoSchema);
  const detail = info === undefined ? {} : { info };
  const { rawMessage: message } = error;
  return create(FrameErrorSchema, { code: codeToString(error.code), message, ...detail });
}
