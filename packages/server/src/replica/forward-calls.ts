// SPDX-License-Identifier: Apache-2.0
/**
 * Requests to other nodes and their answers, in the domain's words, over the bytes of `PeerCalls`.
 *
 * It sends each request once. Every message tells the sender's wall clock, and is taken as such.
 */

import {
  decodeAnswer,
  encodeRequest,
  type ForwardAnswer,
  type ForwardRequest,
} from "./forward-messages.ts";
import type { PeerCallOptions, PeerCalls } from "./peer-calls.ts";
import type { PeerClocks } from "./peer-clocks.ts";

export type ForwardOutcome =
  | { readonly kind: "answered"; readonly answer: ForwardAnswer }
  /** `isSent` false: the other node has certainly not got it. */
  | { readonly kind: "lost"; readonly isSent: boolean };

export class ForwardCalls {
  readonly #peers: PeerCalls;
  readonly #clocks: PeerClocks;

  constructor(peers: PeerCalls, clocks: PeerClocks) {
    this.#peers = peers;
    this.#clocks = clocks;
  }

  async call(
    node: number,
    message: ForwardRequest,
    options: PeerCallOptions,
  ): Promise<ForwardOutcome> {
    const request = encodeRequest({ wallMs: this.#clocks.wallMs(), message });
    const outcome = await this.#peers.call(node, request, options);
    if (outcome.kind === "unreachable") return { kind: "lost", isSent: outcome.isSent };
    if (outcome.kind === "timeout") return { kind: "lost", isSent: true };
    const answer = decodeAnswer(outcome.answer);
    if (answer === undefined) return { kind: "lost", isSent: true };
    this.#clocks.heard(node, answer.wallMs);
    return { kind: "answered", answer: answer.message };
  }
}
