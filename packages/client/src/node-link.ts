// SPDX-License-Identifier: Apache-2.0
/**
 * Frames over HTTP/2 in Node: one connection per node of the cluster, one stream per attachment.
 */

import { constants, type Http2Session } from "node:http2";
import { Http2SessionManager } from "@connectrpc/connect-node";
import type { Link } from "./link.ts";
import { attachStream, type Token } from "./node-attach.ts";

/**
 * A frozen node, or a path that drops everything, answers no PING and sends no end either. Renewals and
 * questions find that out long before; a PING takes all streams of the connection with it, so it is given
 * as long as a busy node, or a busy process of ours, may need. A connection without streams is not pinged: connect-node would go on with it after the connection's end, and throw.
 */
const PING = { pingIntervalMs: 3_000, pingTimeoutMs: 7_000 };

export function createNodeLink(token: Token | undefined): Link {
  const managers = new Map<string, Http2SessionManager>();
  return {
    attach(endpoint, listener) {
      let manager = managers.get(endpoint);
      if (manager === undefined) {
        manager = new DrainingSessionManager(endpoint, PING);
        managers.set(endpoint, manager);
      }
      return attachStream(manager, endpoint, token, listener);
    },
    close() {
      for (const manager of managers.values()) manager.abort();
      managers.clear();
    },
  };
}

/**
 * Lets go of streams that were aborted with bytes unread. Node destroys such a stream only when they
 * have been read, connect-node reads no more, and until then the whole connection stays half closed.
 */
class DrainingSessionManager extends Http2SessionManager {
  readonly #sessions = new WeakSet<Http2Session>();

  override async request(
    ...args: Parameters<Http2SessionManager["request"]>
  ): ReturnType<Http2SessionManager["request"]> {
    const stream = await super.request(...args);
    if (stream.session !== undefined) this.#watchOver(stream.session);
    // Of a stream that connect-node has let go of, nobody else hears; and it must not end the process.
    stream.on("error", () => {});
    stream.once("aborted", () => {
      // Ours: what a server sent before it reset a stream is still to be read.
      // Later: within the event, Node's HTTP/2 is on its way through the stream, and would never end.
      if (stream.rstCode === constants.NGHTTP2_CANCEL) setImmediate(() => stream.destroy());
    });
    return stream;
  }

  /**
   * What comes of a connection that connect-node has let go of ends no process. A PING that was still
   * open then may time out; and an answer that begins after its stream was let go of is taken by Node
   * for a stream that the server has opened, which nobody listens to when its connection ends.
   */
  #watchOver(session: Http2Session): void {
    if (this.#sessions.has(session)) return;
    this.#sessions.add(session);
    session.on("error", () => {});
    session.on("stream", (late) => {
      late.on("error", () => {});
      late.close(constants.NGHTTP2_CANCEL);
    });
  }
}
