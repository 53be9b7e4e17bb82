// SPDX-License-Identifier: Apache-2.0
/**
 * The open connections of the port: which one a request came through, and who ended it.
 *
 * It closes nothing; the front port does, and says so here before.
 */

import type { ServerHttp2Session } from "node:http2";
import { Socket } from "node:net";
import { type ContextValues, createContextValues } from "@connectrpc/connect";
import type { connectNodeAdapter } from "@connectrpc/connect-node";
import { type Connection, connectionKey } from "../rpc/connection-context.ts";

/** What answers a request, of HTTP/1.1 and HTTP/2 alike. connect-node keeps the name to itself. */
export type PortHandler = ReturnType<typeof connectNodeAdapter>;
export type PortRequest = Parameters<PortHandler>[0];
export type PortResponse = Parameters<PortHandler>[1];

export interface OpenConnection extends Connection {
  /** What was accepted: under TLS the socket beneath it. */
  readonly socket: Socket;
  isShared: boolean;
  endedByServer: boolean;
}

export interface Connections {
  readonly size: number;
  /** Remembers an accepted socket until it closes. */
  accept(socket: Socket): OpenConnection;
  /** Names what requests will know the connection by: an HTTP/2 session, or the socket of HTTP/1.1. */
  name(carrier: ServerHttp2Session | Socket, connection: OpenConnection): void;
  of(request: PortRequest): OpenConnection | undefined;
  /** For Connect's handlers: the connection of this request under `connectionKey`. */
  contextValues(request: PortRequest): ContextValues;
  [Symbol.iterator](): Iterator<OpenConnection>;
}

export function createConnections(): Connections {
  const open = new Set<OpenConnection>();
  const byCarrier = new WeakMap<object, OpenConnection>();
  let lastId = 0;

  const of = (request: PortRequest): OpenConnection | undefined => {
    const carrier = "stream" in request ? request.stream.session : request.socket;
    return carrier === undefined ? undefined : byCarrier.get(carrier);
  };

  return {
    get size() {
      return open.size;
    },
    accept(socket) {
      const closed = new Set<() => void>();
      const connection: OpenConnection = {
        id: ++lastId,
        socket,
        isShared: false,
        endedByServer: false,
        onClose(listener) {
          if (!open.has(connection)) listener();
          else closed.add(listener);
          return () => closed.delete(listener);
        },
      };
      open.add(connection);
      socket.once("close", () => {
        open.delete(connection);
        const listeners = [...closed];
        closed.clear();
        for (const listener of listeners) listener();
      });
      return connection;
    },
    name(carrier, connection) {
      byCarrier.set(carrier, connection);
      connection.isShared = !(carrier instanceof Socket);
    },
    of,
    contextValues(request) {
      return createContextValues().set(connectionKey, of(request));
    },
    [Symbol.iterator]: () => open.values(),
  };
}
