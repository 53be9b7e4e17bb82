// SPDX-License-Identifier: Apache-2.0
/**
 * One attachment after another: keeps a stream to a node of the pinned cluster open.
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
  type ClusterInfo,
} from "@conclave/api";
import type { CancelTimer } from "@conclave/base";
import type { AttemptEnd, DialPace } from "./dial-pace.ts";
import { ElectionError } from "./error.ts";
import type { Attachment, Runtime } from "./link.ts";
import { setPatience } from "./patience.ts";

/** A node that accepts a connection and says nothing for this long is given up, at the latest. */
const LONGEST_WELCOME_MS = 5_000;

/** Where a channel connects, and how patiently. */
export interface Addresses {
  /** The URL to try now; nothing: none, until the channel is opened again. */
  first(): string | undefined;
  failed(url: string): void;
  /** How long to wait before try number `failures` + 1 of a series. */
  waitMs(failures: number): number;
}

export interface ChannelOwner {
  /** How long a first attempt waits for the node's answer; doubled after each failure. */
  readonly welcomeMs: number;
  hello(): AttachHello;
  /** The node has answered and is of our cluster. */
  attached(channel: Channel, welcome: AttachWelcome): void;
  /** Any frame after the welcome's own contents have been told; the welcome's frame included. */
  received(channel: Channel, frame: AttachResponse): void;
  /** The stream has ended. `isGoodbye`: the server ended it and said so. */
  detached(channel: Channel, isGoodbye: boolean): void;
  /** The next frame to send, or nothing: asked again until there is nothing. */
  drain(channel: Channel): AttachRequest | undefined;
}

export interface ChannelContext {
  readonly runtime: Runtime;
  readonly pace: DialPace;
  /** Refuses a node that is not to be talked to: of another cluster than the one first met. */
  readonly admit: (welcome: AttachWelcome, url: string) => ElectionError | undefined;
  /** What the node at this URL says of its cluster, now. */
  readonly told: (cluster: ClusterInfo, url: string) => void;
  /** Told of every attempt that failed, for the error of a caller who waits in vain. */
  readonly failed: (cause: unknown, url: string) => void;
}

export class Channel {
  readonly #context: ChannelContext;
  readonly #addresses: Addresses;
  readonly #owner: ChannelOwner;
  #attachment: Attachment | undefined;
  #endpoint = "";
  #node: number | undefined;
  #isIdle = true;
  /** An attempt has been made and neither answered nor failed. */
  #isTrying = false;
  #isClosed = false;
  #isFlushDue = false;
  #saidGoodbye = false;
  #failures = 0;
  #triedAtMs = 0;
  #cancelTimer: CancelTimer = () => {};

  constructor(context: ChannelContext, addresses: Addresses, owner: ChannelOwner) {
    this.#context = context;
    this.#addresses = addresses;
    this.#owner = owner;
  }

  /** Begins to connect, unless it has. Apart from the constructor, so that the owner is whole. */
  open(): void {
    if (!this.#isIdle || this.#isClosed) return;
    this.#failures = 0;
    this.#schedule();
  }

  /** The node at the other end; nothing while there is none. */
  get node(): number | undefined {
    return this.#node;
  }

  get isAttached(): boolean {
    return this.#node !== undefined;
  }

  /** There is something to drain; it leaves at the end of this turn. */
  poke(): void {
    if (!this.isAttached || this.#isFlushDue) return;
    this.#isFlushDue = true;
    this.#context.runtime.defer(() => this.flush());
  }

  /** Sends what there is to send at once. */
  flush(): void {
    this.#isFlushDue = false;
    while (this.isAttached) {
      const frame = this.#owner.drain(this);
      if (frame === undefined) return;
      this.#attachment?.send(frame);
    }
  }

  /** What is left may have become shorter: waits for a welcome as long as a new try would. */
  hurry(): void {
    if (this.#attachment !== undefined && !this.isAttached) this.#awaitWelcome();
  }

  /** Gives the stream up and tries another node. */
  restart(cause: ElectionError): void {
    if (this.#isClosed || this.#attachment === undefined) return;
    this.#attachment.close();
    this.#lost(cause);
  }

  close(): void {
    this.#isClosed = true;
    this.#node = undefined;
    this.#cancelTimer();
    this.#attachment?.close();
    this.#attachment = undefined;
    this.#attempted("given-up");
  }

  #schedule(): void {
    this.#isIdle = false;
    const waitMs = this.#addresses.waitMs(this.#failures);
    if (waitMs === 0) this.#choose();
    else this.#cancelTimer = this.#context.runtime.clock.setTimer(waitMs, () => this.#choose());
  }

  #choose(): void {
    const url = this.#addresses.first();
    if (url === undefined) {
      this.#isIdle = true;
      return;
    }
    let isUnderWay = false;
    const withdraw = this.#context.pace.takeTurn(url, {
      go: () => {
        isUnderWay = true;
        this.#connect(url);
      },
      chooseAgain: () => this.#choose(),
    });
    if (!isUnderWay) this.#cancelTimer = withdraw;
  }

  /** How the attempt that is under way, if any is, has come out. */
  #attempted(end: AttemptEnd): void {
    if (!this.#isTrying) return;
    this.#isTrying = false;
    this.#context.pace.ended(this.#endpoint, end);
  }

  #connect(url: string): void {
    const { link, clock } = this.#context.runtime;
    this.#endpoint = url;
    this.#isTrying = true;
    this.#saidGoodbye = false;
    // A stream that was given up may still speak: what it says carries its own attachment.
    const isCurrent = (): boolean => !this.#isClosed && this.#attachment === attachment;
    const attachment: Attachment = link.attach(url, {
      frame: (frame) => {
        if (isCurrent()) this.#receive(frame);
      },
      end: (cause) => {
        if (isCurrent()) this.#lost(cause);
      },
    });
    this.#attachment = attachment;
    attachment.send(create(AttachRequestSchema, { hello: this.#owner.hello() }));
    this.#triedAtMs = clock.monotonicMs();
    this.#awaitWelcome();
  }

  #awaitWelcome(): void {
    const { clock } = this.#context.runtime;
    const patienceMs = Math.min(this.#owner.welcomeMs * 2 ** this.#failures, LONGEST_WELCOME_MS);
    const leftMs = this.#triedAtMs + patienceMs - clock.monotonicMs();
    this.#cancelTimer();
    this.#cancelTimer = setPatience(clock, Math.max(1, leftMs), () =>
      this.restart(new ElectionError("TIMEOUT", `${this.#endpoint} did not answer in time`)),
    );
  }

  #receive(frame: AttachResponse): void {
    if (frame.welcome !== undefined && !this.isAttached && !this.#welcomed(frame.welcome)) return;
    if (frame.topology !== undefined) this.#context.told(frame.topology, this.#endpoint);
    if (frame.goodbye !== undefined) this.#saidGoodbye = true;
    if (this.isAttached) this.#owner.received(this, frame);
    // The goodbye is the last frame: waiting for the end of the stream would only lose time.
    if (this.#saidGoodbye && this.#attachment !== undefined && !this.#isClosed) {
      this.restart(
        new ElectionError("NO_QUORUM", `${this.#endpoint}: ${frame.goodbye?.reason ?? "goodbye"}`, {
          retryable: true,
        }),
      );
    }
  }

  /** False when the node is not to be talked to. */
  #welcomed(welcome: AttachWelcome): boolean {
    const refusal = this.#context.admit(welcome, this.#endpoint);
    if (refusal !== undefined) {
      this.restart(refusal);
      return false;
    }
    const { cluster } = welcome;
    this.#cancelTimer();
    this.#node = cluster?.node ?? 0;
    this.#failures = 0;
    this.#attempted("answered");
    this.#owner.attached(this, welcome);
    // Not before: news of leaders may send business over this attachment, and renewals with it.
    if (cluster !== undefined) this.#context.told(cluster, this.#endpoint);
    this.poke();
    return true;
  }

  #lost(cause: unknown): void {
    const wasAttached = this.isAttached;
    this.#cancelTimer();
    this.#attachment = undefined;
    this.#node = undefined;
    this.#failures += 1;
    this.#addresses.failed(this.#endpoint);
    if (this.#isTrying) this.#attempted("failed");
    else this.#context.pace.failed(this.#endpoint);
    this.#context.failed(cause, this.#endpoint);
    if (wasAttached) this.#owner.detached(this, this.#saidGoodbye);
    if (!this.#isClosed) this.#schedule();
  }
}
