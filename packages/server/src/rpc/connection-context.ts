// SPDX-License-Identifier: Apache-2.0
/**
 * Which connection a call came through, as the front port tells it.
 *
 * The disconnect grace is for ends that came from the client's side (A2), and only the owner of the
 * socket knows who ended it; sessions of S2, S3 and S4 are connections, and end with them.
 */

import { type ContextKey, createContextKey } from "@connectrpc/connect";

export interface Connection {
  /** Unique in this process. */
  readonly id: number;
  /** One that carries many calls at a time, so that a client keeps it: HTTP/2. */
  readonly isShared: boolean;
  /**
   * Set by the front port *before* it closes the connection itself: an unanswered PING, overload,
   * shutdown. Streams that end afterwards do not start the disconnect grace.
   */
  readonly endedByServer: boolean;
  /** Calls `listener` when it is closed, or now if it is. Returns what ends that. */
  onClose(listener: () => void): () => void;
}

/** Absent over the in-memory transport: an end then counts as the client's. */
export const connectionKey: ContextKey<Connection | undefined> = createContextKey<
  Connection | undefined
>(undefined, { description: "connection" });
