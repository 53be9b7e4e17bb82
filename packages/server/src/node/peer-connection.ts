// SPDX-License-Identifier: Apache-2.0
/**
 * One HTTP/2 connection to another node: opened once, used once, and never again once it is broken.
 *
 * Instead of connect-node's own session manager, which opens another connection by itself when one
 * breaks before its first request, for ever and after it was aborted, and which lets errors that come
 * late end the process.
 */

import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  type ClientSessionRequestOptions,
  connect,
  constants,
  type OutgoingHttpHeaders,
} from "node:http2";
import type { ConnectTransportOptions } from "@connectrpc/connect-node";

export interface PeerTls {
  /** PEM, of whoever signed the certificates of the other nodes. Default: what Node trusts. */
  readonly ca?: string;
  /** False takes any certificate. Default true. */
  readonly rejectUnauthorized?: boolean;
}

type SessionManager = NonNullable<
  Extract<ConnectTransportOptions, { httpVersion: "2" }>["sessionManager"]
>;

/** What a peer may answer before it is read. */
const STREAM_WINDOW_BYTES = 1024 * 1024;

export class PeerConnection implements SessionManager {
  readonly authority: string;
  readonly #session: ClientHttp2Session;

  /** @throws {TypeError} for what is no URL. */
  constructor(url: string, tls: PeerTls | undefined) {
    this.authority = new URL(url).origin;
    const settings = { initialWindowSize: STREAM_WINDOW_BYTES };
    this.#session = connect(this.authority, { ...tls, settings });
    // Whoever uses it hears of an error by its stream; this is for those that come without one.
    this.#session.on("error", () => {});
  }

  request: SessionManager["request"] = async (method, path, headers, options) => {
    return this.open({ ...headers, ":method": method, ":path": path }, options);
  };

  /** @throws if the connection has been destroyed. */
  open(headers: OutgoingHttpHeaders, options?: ClientSessionRequestOptions): ClientHttp2Stream {
    const stream = this.#session.request(headers, options);
    // One that comes before anybody listens.
    stream.on("error", () => {});
    return stream;
  }

  notifyResponseByteRead(): void {
    // For those who ping; the mesh asks the node itself.
  }

  destroy(): void {
    this.#session.destroy(undefined, constants.NGHTTP2_CANCEL);
  }
}
