// SPDX-License-Identifier: Apache-2.0
/**
 * Protobuf messages in and out of a plain stream, as async iterables.
 *
 * It knows no service, opens nothing and ends nothing.
 */

import type { Http2Stream, IncomingHttpStatusHeader } from "node:http2";
import { type DescMessage, fromBinary, type MessageShape, toBinary } from "@bufbuild/protobuf";
import { ENVELOPE_END, EnvelopeReader, envelopeOf } from "@conclave/api/envelope";
import { SignalFlag } from "../peer/signal-flag.ts";
import { drained, isWritable } from "./plain-stream.ts";

/** Frames that may wait for their reader before the peer has to. */
const WAITING_MAX = 16;

interface FrameOptions<Schema extends DescMessage> {
  readonly schema: Schema;
  /** Of one message. */
  readonly bytesMax: number;
  /** An answer ends with an envelope that says how; a request ends with its stream. */
  readonly isAnswer: boolean;
}

/**
 * The messages that come on the stream. Iteration throws where the stream breaks, where what comes is
 * no frame, and the error that an answer ends with; frames that came before are handed out before.
 */
export function framesOf<Schema extends DescMessage>(
  stream: Http2Stream,
  { schema, bytesMax, isAnswer }: FrameOptions<Schema>,
): AsyncIterable<MessageShape<Schema>> {
  const inbox = new Inbox<MessageShape<Schema>>(() => {
    if (stream.isPaused()) stream.resume();
  });
  const envelopes = new EnvelopeReader(bytesMax, (flags, message) => {
    if (flags === 0) inbox.push(fromBinary(schema, message));
    else if (isAnswer && flags === ENVELOPE_END) inbox.end(errorOf(message));
    else throw new Error(`an envelope has the flags ${flags}`);
    return !inbox.isEnded;
  });
  stream.on("response", ({ ":status": status }: IncomingHttpStatusHeader) => {
    if (status !== 200) inbox.end(new Error(`the answer has HTTP status ${status}`));
  });
  stream.on("data", (chunk: Uint8Array) => {
    // What comes after the end is nobody's, but has to be read, or the connection would stand still.
    if (inbox.isEnded) return;
    try {
      const bytes = envelopes.read(chunk);
      if (bytes !== undefined) throw new Error(`a frame of ${bytes} bytes is too long`);
    } catch (error) {
      inbox.end(error as Error);
    }
    if (inbox.waiting >= WAITING_MAX) stream.pause();
  });
  stream.on("end", () => {
    const isWhole = !isAnswer && !envelopes.isAmidst;
    inbox.end(isWhole ? undefined : new Error("the stream broke off"));
  });
  stream.on("error", (error) => inbox.end(error));
  stream.on("close", () => inbox.end(new Error(`the stream was reset (${stream.rstCode})`)));
  return inbox;
}

/**
 * Sends the messages until they end, or the stream takes no more. The next is asked for when the one
 * before it has left, so that what gathers meanwhile goes together. Does not end the stream.
 */
export async function sendFrames<Schema extends DescMessage>(
  stream: Http2Stream,
  schema: Schema,
  frames: AsyncIterable<MessageShape<Schema>>,
): Promise<void> {
  for await (const frame of frames) {
    if (!isWritable(stream)) return;
    if (!stream.write(envelopeOf(0, toBinary(schema, frame)))) await drained(stream);
  }
}

/** How a call has ended, as the last envelope of its answer says it. */
function errorOf(message: Uint8Array): Error | undefined {
  const { error } = JSON.parse(new TextDecoder().decode(message)) as {
    readonly error?: { readonly code?: string; readonly message?: string };
  };
  if (error === undefined) return undefined;
  return new Error(`[${error.code ?? "unknown"}] ${error.message ?? ""}`);
}

/** What has come and waits to be read, by one reader. */
class Inbox<Frame> implements AsyncIterable<Frame> {
  readonly #resume: () => void;
  readonly #flag = new SignalFlag();
  readonly #frames: Frame[] = [];
  #end: { readonly error: Error | undefined } | undefined;

  constructor(resume: () => void) {
    this.#resume = resume;
  }

  get waiting(): number {
    return this.#frames.length;
  }

  get isEnded(): boolean {
    return this.#end !== undefined;
  }

  push(frame: Frame): void {
    this.#frames.push(frame);
    this.#flag.raise();
  }

  /** The first of several counts. */
  end(error: Error | undefined): void {
    this.#end ??= { error };
    this.#flag.raise();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Frame> {
    for (;;) {
      const frame = this.#frames.shift();
      if (frame !== undefined) {
        yield frame;
      } else if (this.#end !== undefined) {
        if (this.#end.error !== undefined) throw this.#end.error;
        return;
      } else {
        this.#resume();
        await this.#flag.wait();
      }
    }
  }
}
