// SPDX-License-Identifier: Apache-2.0
/**
 * Which connection a call came through, as the front port tells it.
 *
 * Only `endedByServer` matters for elections: the disconnect grace is for ends that came from the
 * client's side (A2), and only the owner of the socket knows who ended it.
 */

import { type ContextKey, createContextKey } from "@connectrpc/connect";

export interface Connection {
  /** Unique in this process. */
  readonly id: number;
  /**
   * Set by the front port *before* it closes the connection itself: an unanswered PING, overload,
   * shutdown. Streams that end afterwards do not start the disconnect grace.
   */
  readonly endedByServer: boolean;
}

/** Absent over the in-memory transport: an end then counts as the client's. */
export const connectionKey: ContextKey<Connection | undefined> = createContextKey<
  Connection | undefined
>(undefined, { description: "connection" });
