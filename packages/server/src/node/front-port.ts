// SPDX-License-Identifier: Apache-2.0
/**
 * One port for everything: HTTP/1.1, HTTP/2 in clear text or, when it has a certificate, both over
 * TLS, told apart by a connection's first bytes.
 *
 * It knows no service. Whatever a peer sends, it may end that connection and nothing else.
 */

import { createServer as createHttp1Server, type Server as Http1Server } from "node:http";
import {
  createServer as createHttp2Server,
  type Http2Server,
  type ServerHttp2Session,
} from "node:http2";
import { createServer as createNetServer, type Server as NetServer, type Socket } from "node:net";
import {
  createServer as createTlsServer,
  type TLSSocket,
  type Server as TlsServer,
} from "node:tls";
import { assert, type Clock, unreachable } from "@conclave/base";
import {
  type Connections,
  createConnections,
  type OpenConnection,
  type PortHandler,
} from "./connections.ts";
import { type PingTimes, pingWhileSilent } from "./http2-pings.ts";
import { peekProtocol } from "./peek.ts";

interface FrontPortLimits {
  /** Further connections are closed as they come. Default 16,384. */
  readonly connectionsMax: number;
  /** Open streams of one HTTP/2 connection; a peer is told, and refused beyond. Default 16,384. */
  readonly streamsMax: number;
  /** Until a connection has said what it speaks, and again for a TLS handshake. Default 10 s. */
  readonly greetingMs: number;
  /** Until the headers of an HTTP/1.1 request are complete. Default 10 s. */
  readonly headersMs: number;
  /** Default: a PING after 10 s of silence, answered within 10 s. */
  readonly pings: PingTimes;
}

export interface FrontPortOptions {
  /** An address or a name of this machine. */
  readonly host: string;
  /** 0: one that is free; `url` says which. */
  readonly port: number;
  /** PEM. With it the port speaks TLS and nothing else. */
  readonly tls?: { readonly certificate: string; readonly key: string };
  readonly clock: Clock;
  /** Answers every request. Must not throw. */
  readonly handler: PortHandler;
  /** Shared with the handler, which asks it for the connection of a request. */
  readonly connections?: Connections;
  readonly limits?: Partial<FrontPortLimits>;
}

export interface FrontPort {
  /** With the real port, for instance `http://127.0.0.1:7400`. */
  readonly url: string;
  /**
   * Takes no more connections and no more requests on open ones, lets the requests that are under
   * way end for at most `graceMs`, and destroys what is left then.
   */
  close(graceMs: number): Promise<void>;
  /** Destroys what is still connected. */
  cut(): void;
}

export type OpenOutcome =
  | { readonly kind: "open"; readonly port: FrontPort }
  | { readonly kind: "address-in-use"; readonly detail: string }
  /** The address is not this machine's, needs privileges, or the certificate cannot be used. */
  | { readonly kind: "not-bindable"; readonly detail: string };

const DEFAULT_LIMITS: FrontPortLimits = {
  connectionsMax: 16_384,
  streamsMax: 16_384,
  greetingMs: 10_000,
  headersMs: 10_000,
  pings: { intervalMs: 10_000, timeoutMs: 10_000 },
};

/** What a peer may send before it is read: of one stream, and of all streams of a connection. */
const STREAM_WINDOW_BYTES = 256 * 1024;
const CONNECTION_WINDOW_BYTES = 1024 * 1024;
/** Node's own bound of 10 MB would refuse streams long before `streamsMax` of them are open. */
const SESSION_MEMORY_MB = 256;

/** Opens the port and resolves when it accepts connections. */
export async function openFrontPort(options: FrontPortOptions): Promise<OpenOutcome> {
  const limits = { ...DEFAULT_LIMITS, ...options.limits };
  if (options.tls === undefined) return new Port(options, limits, undefined).listen();
  let tls: TlsServer;
  try {
    tls = createTlsServer({
      cert: options.tls.certificate,
      key: options.tls.key,
      ALPNProtocols: ["h2", "http/1.1"],
    });
  } catch (error) {
    return { kind: "not-bindable", detail: `TLS certificate or key: ${messageOf(error)}` };
  }
  return new Port(options, limits, tls).listen();
}

class Port implements FrontPort {
  readonly #options: FrontPortOptions;
  readonly #limits: FrontPortLimits;
  readonly #tls: TlsServer | undefined;
  readonly #connections: Connections;
  readonly #net: NetServer;
  readonly #http1: Http1Server;
  readonly #http2: Http2Server;
  readonly #sessions: Set<ServerHttp2Session> = new Set();
  readonly #greeting: Set<Socket> = new Set();
  /** By the addresses and ports of both sides, all that a secured socket tells of the one beneath it. */
  readonly #inHandshake: Map<string, OpenConnection> = new Map();
  #isClosing = false;
  #url = "";

  constructor(options: FrontPortOptions, limits: FrontPortLimits, tls: TlsServer | undefined) {
    this.#options = options;
    this.#limits = limits;
    this.#tls = tls;
    this.#connections = options.connections ?? createConnections();
    // HTTP/1.1 clients may close their half once they have asked (`nc` does) and still want the answer.
    this.#net = createNetServer({ allowHalfOpen: true, noDelay: true });
    this.#net.maxConnections = limits.connectionsMax;
    this.#net.on("connection", (socket) => void this.#greet(socket));
    this.#http1 = createHttp1Server({
      headersTimeout: limits.headersMs,
      connectionsCheckingInterval: 1_000,
    });
    this.#http1.on("request", (request, response) => {
      response.once("close", () => {
        if (this.#isClosing) request.socket.destroySoon();
      });
      options.handler(request, response);
    });
    // Sockets are handed to this server, which therefore never listens; this is what makes it watch
    // for headers that do not end.
    this.#http1.emit("listening");
    this.#http2 = createHttp2Server({
      maxSessionMemory: SESSION_MEMORY_MB,
      settings: {
        maxConcurrentStreams: limits.streamsMax,
        initialWindowSize: STREAM_WINDOW_BYTES,
      },
    });
    this.#http2.on("request", options.handler);
    tls?.on("secureConnection", (socket) => this.#serveSecured(socket));
    tls?.on("tlsClientError", (_error, socket) => socket.destroy());
  }

  get url(): string {
    return this.#url;
  }

  listen(): Promise<OpenOutcome> {
    return new Promise((resolve) => {
      const onError = (error: NodeJS.ErrnoException): void => {
        const kind = error.code === "EADDRINUSE" ? "address-in-use" : "not-bindable";
        this.#http1.close();
        resolve({ kind, detail: error.message });
      };
      this.#net.once("error", onError);
      this.#net.listen({ host: this.#options.host, port: this.#options.port }, () => {
        this.#net.off("error", onError);
        // From now on an error is a connection that could not be accepted (too many open files).
        // The peer sees it closed; the port goes on.
        this.#net.on("error", () => {});
        const address = this.#net.address();
        assert(
          address !== null && typeof address === "object",
          "a port that listens has an address",
        );
        const host = this.#options.host.includes(":")
          ? `[${this.#options.host}]`
          : this.#options.host;
        this.#url = `${this.#tls === undefined ? "http" : "https"}://${host}:${address.port}`;
        resolve({ kind: "open", port: this });
      });
    });
  }

  async close(graceMs: number): Promise<void> {
    this.#isClosing = true;
    const closed = new Promise<void>((resolve) => this.#net.close(() => resolve()));
    for (const connection of this.#connections) connection.endedByServer = true;
    for (const socket of this.#greeting) socket.destroy();
    for (const session of this.#sessions) session.close();
    this.#http1.close();
    this.#http1.closeIdleConnections();
    const cancelTimer = this.#options.clock.setTimer(graceMs, () => this.cut());
    await closed;
    cancelTimer();
  }

  cut(): void {
    for (const connection of this.#connections) connection.socket.destroy();
  }

  async #greet(socket: Socket): Promise<void> {
    const connection = this.#connections.accept(socket);
    // A peer that resets its connection must not end the process; `close` follows and tells all.
    socket.on("error", () => {});
    this.#greeting.add(socket);
    const protocol = await peekProtocol(socket, this.#options.clock, this.#limits.greetingMs);
    this.#greeting.delete(socket);
    if (socket.destroyed) return;
    if (this.#isClosing) return this.#end(connection);
    switch (protocol) {
      case "tls":
        if (this.#tls === undefined) return this.#end(connection);
        return this.#handshake(connection, this.#tls);
      case "http2":
        if (this.#tls !== undefined) return this.#end(connection);
        return this.#serveHttp2(connection, socket);
      case "http1":
        if (this.#tls !== undefined) return refuseClearText(socket);
        return this.#serveHttp1(connection, socket);
      case "timed-out":
      case "ended":
        return this.#end(connection);
      default:
        return unreachable(protocol);
    }
  }

  #handshake(connection: OpenConnection, tls: TlsServer): void {
    const { socket } = connection;
    socket.allowHalfOpen = false;
    // Kept, for a closed socket does not tell it any more.
    const peer = peerOf(socket);
    const isPending = (): boolean => this.#inHandshake.get(peer) === connection;
    const cancelTimer = this.#options.clock.setTimer(this.#limits.greetingMs, () => {
      if (isPending()) this.#end(connection);
    });
    socket.once("close", () => {
      cancelTimer();
      if (isPending()) this.#inHandshake.delete(peer);
    });
    this.#inHandshake.set(peer, connection);
    tls.emit("connection", socket);
  }

  #serveSecured(socket: TLSSocket): void {
    const peer = peerOf(socket);
    const connection = this.#inHandshake.get(peer);
    this.#inHandshake.delete(peer);
    // The peer may have gone in the very turn in which the handshake ended.
    if (connection === undefined) {
      socket.destroy();
      return;
    }
    socket.on("error", () => {});
    if (socket.alpnProtocol === "h2") this.#serveHttp2(connection, socket);
    else this.#serveHttp1(connection, socket);
  }

  #serveHttp1(connection: OpenConnection, socket: Socket): void {
    // A peer that vanished while it watches is found by the kernel: HTTP/1.1 has no PING.
    connection.socket.setKeepAlive(true, this.#limits.pings.intervalMs);
    this.#connections.name(socket, connection);
    this.#http1.emit("connection", socket);
  }

  #serveHttp2(connection: OpenConnection, socket: Socket): void {
    // An HTTP/2 connection is of no use once the peer has closed its half, and would stay for ever.
    connection.socket.allowHalfOpen = false;
    this.#http2.once("session", (session: ServerHttp2Session) => {
      this.#sessions.add(session);
      session.once("close", () => this.#sessions.delete(session));
      session.setLocalWindowSize(CONNECTION_WINDOW_BYTES);
      this.#connections.name(session, connection);
      const bytesRead = (): number => connection.socket.bytesRead;
      pingWhileSilent(session, bytesRead, this.#options.clock, this.#limits.pings, () =>
        this.#end(connection),
      );
    });
    this.#http2.emit("connection", socket);
  }

  #end(connection: OpenConnection): void {
    connection.endedByServer = true;
    connection.socket.destroy();
  }
}

/** Says to a person who forgot the `s` of https what is wrong; programs read the 400. */
function refuseClearText(socket: Socket): void {
  const body = "This port speaks TLS: use https.\n";
  const head = `HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: ${body.length}\r\n`;
  socket.resume();
  socket.end(`${head}Content-Type: text/plain\r\n\r\n${body}`, () => socket.destroy());
}

function peerOf(socket: Socket): string {
  // Ours too: to two addresses of this machine a peer may speak from one port.
  return `${socket.remoteAddress} ${socket.remotePort} ${socket.localAddress}`;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
