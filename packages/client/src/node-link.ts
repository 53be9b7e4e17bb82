// SPDX-License-Identifier: Apache-2.0
/**
 * Frames over HTTP/2 in Node: one connection per node of the cluster, one stream per attachment.
 */

import { constants, type Http2Session } from "node:http2";
import { type AttachRequest, SessionService } from "@conclave/api";
import { type Client, createClient } from "@connectrpc/connect";
import { createConnectTransport, Http2SessionManager } from "@connectrpc/connect-node";
import { createDeferred, type Deferred } from "./deferred.ts";
import type { Attachment, AttachmentListener, Link } from "./link.ts";

/**
 * A frozen node, or a path that drops everything, answers no PING and sends no end either. A connection
 * without streams is not pinged: connect-node would go on with it after the connection's end, and throw.
 */
const PING = { pingIntervalMs: 3_000, pingTimeoutMs: 2_000 };
/** The server's frames are at most this long (semantics and design section 4: 1 MiB and its framing). */
const FRAME_BYTES_MAX = 4 * 1024 * 1024;

export function createNodeLink(token: (() => Promise<string>) | undefined): Link {
  const nodes = new Map<string, NodeConnection>();
  return {
    attach(endpoint, listener) {
      let node = nodes.get(endpoint);
      if (node === undefined) {
        node = connectionTo(endpoint);
        nodes.set(endpoint, node);
      }
      return attach(node.client, token, listener);
    },
    close() {
      for (const { manager } of nodes.values()) manager.abort();
      nodes.clear();
    },
  };
}

interface NodeConnection {
  readonly manager: Http2SessionManager;
  readonly client: Client<typeof SessionService>;
}

function connectionTo(endpoint: string): NodeConnection {
  const manager = new DrainingSessionManager(endpoint, PING);
  const transport = createConnectTransport({
    baseUrl: endpoint,
    httpVersion: "2",
    sessionManager: manager,
    readMaxBytes: FRAME_BYTES_MAX,
    // A frame in a data centre is not worth the server's time to compress it.
    acceptCompression: [],
  });
  return { manager, client: createClient(SessionService, transport) };
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
    if (stream.session !== undefined) this.#ignoreLateAnswers(stream.session);
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
   * An answer that begins after its stream was let go of is taken by Node for a stream that the server
   * has opened. Nobody listens to that one, so the end of its connection would end the process.
   */
  #ignoreLateAnswers(session: Http2Session): void {
    if (this.#sessions.has(session)) return;
    this.#sessions.add(session);
    session.on("stream", (late) => {
      late.on("error", () => {});
      late.close(constants.NGHTTP2_CANCEL);
    });
  }
}

function attach(
  client: Client<typeof SessionService>,
  token: (() => Promise<string>) | undefined,
  listener: AttachmentListener,
): Attachment {
  const controller = new AbortController();
  const outbox = new Outbox();
  const read = async (): Promise<void> => {
    const headers: HeadersInit =
      token === undefined ? {} : { authorization: `Bearer ${await token()}` };
    const { signal } = controller;
    for await (const frame of client.attach(outbox, { signal, headers })) listener.frame(frame);
  };
  void read().then(
    () => listener.end(new Error("the server ended the stream")),
    (error: unknown) => listener.end(error),
  );
  return {
    send: (frame) => outbox.push(frame),
    close: () => {
      controller.abort();
      outbox.end();
    },
  };
}

/** Frames on their way out, as connect wants them: an iterable that waits for more. */
class Outbox implements AsyncIterable<AttachRequest> {
  #frames: AttachRequest[] = [];
  #isEnded = false;
  #wake: Deferred<void> | undefined;

  push(frame: AttachRequest): void {
    this.#frames.push(frame);
    this.#wake?.resolve();
  }

  end(): void {
    this.#isEnded = true;
    this.#wake?.resolve();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<AttachRequest, void, undefined> {
    while (!this.#isEnded) {
      const frames = this.#frames;
      this.#frames = [];
      yield* frames;
      if (this.#frames.length > 0 || this.#isEnded) continue;
      this.#wake = createDeferred<void>();
      await this.#wake.promise;
    }
  }
}
