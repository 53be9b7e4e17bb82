// SPDX-License-Identifier: Apache-2.0
/**
 * One Attach stream in Node: the Connect protocol's envelopes, written and read on a stream of HTTP/2.
 *
 * By hand, since connect-node's general transport keeps some forty kilobytes of generators and promises
 * for each stream that stands, and a process may have thousands. Connections are its manager's all the
 * same.
 */

import { type ClientHttp2Stream, constants } from "node:http2";
import { fromBinary, toBinary } from "@bufbuild/protobuf";
import {
  type AttachRequest,
  AttachRequestSchema,
  AttachResponseSchema,
  SessionService,
} from "@conclave/api";
import {
  ENVELOPE_COMPRESSED,
  ENVELOPE_END,
  EnvelopeReader,
  envelopeOf,
} from "@conclave/api/envelope";
import type { Http2SessionManager } from "@connectrpc/connect-node";
import type { Attachment, AttachmentListener } from "./link.ts";

/** The server's frames are at most this long (semantics and design section 4: 1 MiB and its framing). */
const FRAME_BYTES_MAX = 4 * 1024 * 1024;
const PATH = `/${SessionService.typeName}/${SessionService.method.attach.name}`;

export type Token = () => Promise<string>;

/** `endpoint`: a URL of the node that the manager connects to. */
export function attachStream(
  manager: Http2SessionManager,
  endpoint: string,
  token: Token | undefined,
  listener: AttachmentListener,
): Attachment {
  const attached = new NodeAttachment(manager, listener);
  attached.open(endpoint, token).catch((error: unknown) => attached.end(error));
  return attached;
}

class NodeAttachment implements Attachment {
  readonly #manager: Http2SessionManager;
  readonly #listener: AttachmentListener;
  #stream: ClientHttp2Stream | undefined;
  /** What was to be sent before there was a stream. */
  #unsent: AttachRequest[] = [];
  readonly #envelopes: EnvelopeReader;
  #isOver = false;

  constructor(manager: Http2SessionManager, listener: AttachmentListener) {
    this.#manager = manager;
    this.#listener = listener;
    this.#envelopes = new EnvelopeReader(FRAME_BYTES_MAX, (flags, message) => {
      this.#take(flags, message);
      return !this.#isOver;
    });
  }

  async open(endpoint: string, token: Token | undefined): Promise<void> {
    const headers = {
      "content-type": "application/connect+proto",
      "connect-protocol-version": "1",
      ...(token === undefined ? {} : { authorization: `Bearer ${await token()}` }),
    };
    if (this.#isOver) return;
    const path = new URL(endpoint).pathname.replace(/\/$/, "") + PATH;
    const stream = await this.#manager.request("POST", path, headers, {});
    this.#stream = stream;
    stream.on("response", ({ ":status": status }) => {
      if (status !== 200) this.#fail(new Error(`the answer has HTTP status ${status}`));
    });
    stream.on("data", (chunk: Uint8Array) => this.#read(chunk));
    stream.on("end", () => this.end(new Error("the server ended the stream")));
    stream.on("error", (error) => this.end(error));
    stream.on("close", () => this.end(new Error(`the stream was reset (${stream.rstCode})`)));
    if (this.#isOver) stream.close(constants.NGHTTP2_CANCEL);
    else for (const frame of this.#unsent.splice(0)) this.#write(stream, frame);
  }

  send(frame: AttachRequest): void {
    if (this.#isOver) return;
    if (this.#stream === undefined) this.#unsent.push(frame);
    else this.#write(this.#stream, frame);
  }

  close(): void {
    this.#isOver = true;
    this.#unsent = [];
    this.#stream?.close(constants.NGHTTP2_CANCEL);
  }

  end(cause: unknown): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#listener.end(cause);
  }

  /** It cannot be gone on with, for a reason that was found here. */
  #fail(cause: unknown): void {
    this.end(cause);
    this.close();
  }

  #write(stream: ClientHttp2Stream, frame: AttachRequest): void {
    if (stream.writableEnded || stream.destroyed) return;
    stream.write(envelopeOf(0, toBinary(AttachRequestSchema, frame)));
  }

  #read(chunk: Uint8Array): void {
    if (this.#stream !== undefined) this.#manager.notifyResponseByteRead(this.#stream);
    if (this.#isOver) return;
    try {
      const bytes = this.#envelopes.read(chunk);
      if (bytes !== undefined) throw new Error(`a frame of ${bytes} bytes is too long`);
    } catch (error) {
      this.#fail(error);
    }
  }

  #take(flags: number, message: Uint8Array): void {
    if ((flags & ENVELOPE_COMPRESSED) !== 0) throw new Error("compression was not asked for");
    if ((flags & ENVELOPE_END) !== 0) throw endOf(message);
    this.#listener.frame(fromBinary(AttachResponseSchema, message));
  }
}

/** What the Connect protocol's last envelope says. */
function endOf(message: Uint8Array): Error {
  const { error } = JSON.parse(new TextDecoder().decode(message)) as {
    readonly error?: { readonly code?: string; readonly message?: string };
  };
  if (error === undefined) return new Error("the server ended the stream");
  return new Error(`[${error.code ?? "unknown"}] ${error.message ?? ""}`);
}
