// SPDX-License-Identifier: Apache-2.0
/**
 * How one node reaches another, as the mesh and the formation of a cluster see it. Types only.
 *
 * `node/peer-dialer.ts` does it over HTTP/2, `memory-dialer.ts` is the in-memory twin.
 */

import type { ExchangeRequest, ExchangeResponse } from "@conclave/api/peer";
import type { Introduction, JoinOutcome, JoinRequest } from "../wire/introduction.ts";

export interface PeerDialer {
  /**
   * Opens a stream on a connection of its own. A frame is pulled from `requests` when the one before
   * it has left, so what cannot be sent waits with the caller. Iteration ends, or throws whatever the
   * platform says, when the stream is over.
   *
   * @param address HOST:PORT.
   * @param signal aborted: the stream is cut at once.
   */
  exchange(
    address: string,
    requests: AsyncIterable<ExchangeRequest>,
    signal: AbortSignal,
  ): AsyncIterable<ExchangeResponse>;
}

/**
 * Undefined where nobody answers in time, or not as a node would, and at once when the signal is
 * aborted: who stops does not wait for somebody who may never answer.
 */
export interface PeerIntroducer {
  introduce(
    address: string,
    timeoutMs: number,
    signal: AbortSignal,
  ): Promise<Introduction | undefined>;
  join(
    address: string,
    request: JoinRequest,
    timeoutMs: number,
    signal: AbortSignal,
  ): Promise<JoinOutcome | undefined>;
}
