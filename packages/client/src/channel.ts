// SPDX-License-Identifier: Apache-2.0
/**
 * One attachment after another: keeps a stream to some node of the pinned cluster open.
 *
 * It connects, waits for the welcome, asks its owner for frames to send, and starts again elsewhere
 * when the stream ends. What is said over it, and what a lost stream means, is its owner's business;
 * events of a stream that was given up are dropped here.
 */

import { create } from "@bufbuild/protobuf";
import {
  type AttachHello,
  type AttachRequest,
  AttachRequestSchema,
  type AttachResponse,
  type AttachWelcome,
} from "@conclave/api";
import type { CancelTimer } from "@conclave/base";
import type { Endpoints } from "./endpoints.ts";
import { ElectionError } from "./error.ts";
import type { Attachment, Runtime } from "./link.ts";

/** A node that accepts a connection and says nothing for this long is given up, at the latest. */
const LONGEST_WELCOME_MS = 5_000;

export interface ChannelOwner {
  hello(): AttachHello;
  /** The node has answered and is of our cluster. */
  attached(welcome: AttachWelcome): void;
  /** Any frame after the welcome's own contents have been told; the welcome's frame included. */
  received(frame: AttachResponse): void;
  /** The stream has ended. `isGoodbye`: the server ended it and said so. */
  detached(isGoodbye: boolean): void;
  /** The next frame to send, or nothing: asked again until there is nothing. */
  drain(): AttachRequest | undefined;
}

export interface ChannelContext {
  readonly runtime: Runtime;
  readonly endpoints: Endpoints;
  /** Refuses a node of another cluster than the one first met. */
  readonly admit: (welcome: AttachWelcome) => ElectionError | undefined;
  /** Told of every attempt that failed, for the error of a caller who waits in vain. */
  readonly failed: (cause: unknown) => void;
}

export class Channel {
  readonly #context: ChannelContext;
  readonly #owner: ChannelOwner;
  readonly #welcomeMs: number;
  #attachment: Attachment | undefined;
  #endpoint = "";
  #isAttached = false;
  #isClosed = false;
  #isFlushDue = false;
  #saidGoodbye = false;
  #failures = 0;
  #cancelTimer: CancelTimer = () => {};

  /** `welcomeMs`: how long a first attempt waits for the node's answer; doubled after each failure. */
  constructor(context: ChannelContext, owner: ChannelOwner, welcomeMs: number) {
    this.#context = context;
    this.#owner = owner;
    this.#welcomeMs = welcomeMs;
  }

  /** Begins to connect. Apart from the constructor, so that the owner is whole when it is asked. */
  open(): void {
    this.#schedule();
  }

  get isAttached(): boolean {
    return this.#isAttached;
  }

  /** There is something to drain; it leaves at the end of this turn. */
  poke(): void {
    if (!this.#isAttached || this.#isFlushDue) return;
    this.#isFlushDue = true;
    this.#context.runtime.defer(() => this.flush());
  }

  /** Sends what there is to send at once. */
  flush(): void {
    this.#isFlushDue = false;
    while (this.#isAttached) {
      const frame = this.#owner.drain();
      if (frame === undefined) return;
      this.#attachment?.send(frame);
    }
  }

  /** Gives the stream up and tries another node. */
  restart(cause: ElectionError): void {
    if (this.#isClosed || this.#attachment === undefined) return;
    this.#attachment.close();
    this.#lost(cause);
  }

  close(): void {
    this.#isClosed = true;
    this.#isAttached = false;
    this.#cancelTimer();
    this.#attachment?.close();
    this.#attachment = undefined;
  }

  #schedule(): void {
    const waitMs = this.#context.endpoints.waitMs(this.#failures);
    if (waitMs === 0) {
      this.#connect();
      return;
    }
    this.#cancelTimer = this.#context.runtime.clock.setTimer(waitMs, () => this.#connect());
  }

  #connect(): void {
    const { link, clock } = this.#context.runtime;
    this.#endpoint = this.#context.endpoints.first();
    this.#saidGoodbye = false;
    // A stream that was given up may still speak: what it says carries its own attachment.
    const isCurrent = (): boolean => !this.#isClosed && this.#attachment === attachment;
    const attachment: Attachment = link.attach(this.#endpoint, {
      frame: (frame) => {
        if (isCurrent()) this.#receive(frame);
      },
      end: (cause) => {
        if (isCurrent()) this.#lost(cause);
      },
    });
    this.#attachment = attachment;
    attachment.send(create(AttachRequestSchema, { hello: this.#owner.hello() }));
    const patienceMs = Math.min(this.#welcomeMs * 2 ** this.#failures, LONGEST_WELCOME_MS);
    this.#cancelTimer = clock.setTimer(patienceMs, () =>
      this.restart(new ElectionError("TIMEOUT", `${this.#endpoint} did not answer in time`)),
    );
  }

  #receive(frame: AttachResponse): void {
    if (frame.welcome !== undefined && !this.#isAttached) {
      const refusal = this.#context.admit(frame.welcome);
      if (refusal !== undefined) {
        this.restart(refusal);
        return;
      }
      this.#cancelTimer();
      this.#isAttached = true;
      this.#failures = 0;
      this.#owner.attached(frame.welcome);
      this.poke();
    }
    if (frame.goodbye !== undefined) this.#saidGoodbye = true;
    if (this.#isAttached) this.#owner.received(frame);
    // The goodbye is the last frame: waiting for the end of the stream would only lose time.
    if (this.#saidGoodbye && this.#attachment !== undefined && !this.#isClosed) {
      this.restart(
        new ElectionError("NO_QUORUM", `${this.#endpoint}: ${frame.goodbye?.reason ?? "goodbye"}`, {
          retryable: true,
        }),
      );
    }
  }

  #lost(cause: unknown): void {
    const wasAttached = this.#isAttached;
    this.#cancelTimer();
    this.#attachment = undefined;
    this.#isAttached = false;
    this.#failures += 1;
    this.#context.endpoints.failed(this.#endpoint);
    this.#context.failed(cause);
    if (wasAttached) this.#owner.detached(this.#saidGoodbye);
    if (!this.#isClosed) this.#schedule();
  }
}
