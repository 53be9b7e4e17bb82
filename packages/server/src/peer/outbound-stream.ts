// SPDX-License-Identifier: Apache-2.0
/**
 * One stream that this node has dialled, from the greeting to its end.
 *
 * It sends what its owner has when the stream takes it, and tells what comes back. It dials once.
 */

import type { ExchangeRequest, ExchangeResponse, Hello } from "@conclave/api/peer";
import { nextOf } from "./next-of.ts";
import type { PeerDialer } from "./peer-dialer.ts";
import { type PeerRefusal, refusalOf } from "./refusal.ts";
import { SignalFlag } from "./signal-flag.ts";

/** Why a stream ended. `lost`: the connection, or whoever was at its other end. */
export type StreamEnd =
  | { readonly kind: "refused"; readonly refusal: PeerRefusal }
  | { readonly kind: "lost"; readonly detail: string };

export interface OutboundOwner {
  welcomed(welcome: NonNullable<ExchangeResponse["welcome"]>): void;
  received(response: ExchangeResponse): void;
  /** The next frame, or undefined if there is nothing to send now. */
  take(): ExchangeRequest | undefined;
  /** The last call. */
  ended(end: StreamEnd): void;
}

export class OutboundStream {
  readonly #owner: OutboundOwner;
  readonly #controller = new AbortController();
  readonly #flag = new SignalFlag();
  #isWelcomed = false;
  #end: StreamEnd | undefined;

  constructor(owner: OutboundOwner) {
    this.#owner = owner;
  }

  /** Dials and resolves when the stream is over. */
  async run(dialer: PeerDialer, address: string, hello: Hello): Promise<void> {
    const responses = dialer.exchange(address, this.#frames(hello), this.#controller.signal);
    const iterator = responses[Symbol.asyncIterator]();
    const failed = (detail: string): void => this.#finish({ kind: "lost", detail });
    for (;;) {
      const response = await nextOf(iterator, failed);
      if (response === undefined || this.#end !== undefined) break;
      this.#handle(response);
    }
    failed("it ended the stream");
    await release(iterator);
  }

  /** There is something to take. */
  wake(): void {
    this.#flag.raise();
  }

  cut(detail: string): void {
    this.#finish({ kind: "lost", detail });
  }

  #handle(response: ExchangeResponse): void {
    if (response.refusal !== undefined) {
      this.#finish({ kind: "refused", refusal: refusalOf(response.refusal) });
      return;
    }
    if (response.welcome !== undefined && !this.#isWelcomed) {
      this.#isWelcomed = true;
      this.#owner.welcomed(response.welcome);
      this.#flag.raise();
    }
    if (this.#isWelcomed) this.#owner.received(response);
  }

  async *#frames(hello: Hello): AsyncGenerator<ExchangeRequest> {
    yield emptyRequest(hello);
    while (this.#end === undefined) {
      const frame = this.#isWelcomed ? this.#owner.take() : undefined;
      if (frame === undefined) await this.#flag.wait();
      else yield frame;
    }
  }

  #finish(end: StreamEnd): void {
    if (this.#end !== undefined) return;
    this.#end = end;
    this.#flag.raise();
    this.#controller.abort();
    this.#owner.ended(end);
  }
}

/** The platform may hold a connection until its reader says that it goes. */
async function release(iterator: AsyncIterator<ExchangeResponse>): Promise<void> {
  try {
    await iterator.return?.();
  } catch {
    // It is over already, which was told.
  }
}

export function emptyRequest(hello?: Hello): ExchangeRequest {
  return {
    $typeName: "conclave.peer.v1.ExchangeRequest",
    ...(hello === undefined ? {} : { hello }),
    raft: [],
    calls: [],
    cancelled: [],
    ping: 0n,
  };
}
