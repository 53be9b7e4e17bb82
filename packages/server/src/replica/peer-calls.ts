// SPDX-License-Identifier: Apache-2.0
/**
 * Calls from node to node, as a partition's replica sees them: bytes there, bytes back.
 *
 * Whoever implements it puts all calls and answers of one turn to one node into one frame
 * (design section 3), and never sends a call twice.
 */

/** What became of a call. */
export type PeerCallOutcome =
  | { readonly kind: "answered"; readonly answer: Uint8Array }
  /** `isSent` false: it certainly never got there. True: it may have been served. */
  | { readonly kind: "unreachable"; readonly isSent: boolean }
  /** No answer by `giveUpAtMs`, or the caller's signal was aborted; it may have been served. */
  | { readonly kind: "timeout" };

export interface PeerCallOptions {
  /** On the caller's monotonic clock. What is left of it is carried to the node that is asked. */
  readonly giveUpAtMs: number;
  /** Aborted: the answer is wanted no more, and the node that is asked is told so. */
  readonly signal?: AbortSignal;
}

/** Serves a call of the node `from`. It never rejects: what it cannot read it answers as such. */
export type PeerCallHandler = (
  from: number,
  request: Uint8Array,
  /** `giveUpAtMs` is on this node's monotonic clock. */
  options: { readonly giveUpAtMs: number; readonly signal: AbortSignal },
) => Promise<Uint8Array>;

export interface PeerCalls {
  call(node: number, request: Uint8Array, options: PeerCallOptions): Promise<PeerCallOutcome>;
  /** Whoever answers the calls of others. Set once, before the node starts. */
  serve(handler: PeerCallHandler): void;
}

/** Of a node that has no peers: nobody answers, and nobody asks. */
export const noPeers: PeerCalls = {
  call: () => Promise.resolve({ kind: "unreachable", isSent: false }),
  serve: () => {},
};
