// SPDX-License-Identifier: Apache-2.0
/**
 * Two kinds of calls over one `PeerCalls`: what partitions ask each other, and what operators ask.
 *
 * The first byte of a request says for whom it is.
 */

import type { PeerCallHandler, PeerCalls } from "./peer-calls.ts";

export interface CallChannels {
  readonly elections: PeerCalls;
  readonly operations: PeerCalls;
}

const ELECTIONS = 1;
const OPERATIONS = 2;

/** Each of the two is served on its own; `peers` itself is not to be used any more. */
export function splitPeerCalls(peers: PeerCalls): CallChannels {
  const handlers = new Map<number, PeerCallHandler>();
  peers.serve((from, request, options) => {
    const handler = handlers.get(request[0] ?? 0);
    // A node of a later version may ask more: an empty answer is read as one that makes no sense.
    if (handler === undefined) return Promise.resolve(new Uint8Array());
    return handler(from, request.subarray(1), options);
  });
  const channel = (number: number): PeerCalls => ({
    call(node, request, options) {
      const marked = new Uint8Array(1 + request.length);
      marked[0] = number;
      marked.set(request, 1);
      return peers.call(node, marked, options);
    },
    serve: (handler) => void handlers.set(number, handler),
  });
  return { elections: channel(ELECTIONS), operations: channel(OPERATIONS) };
}
