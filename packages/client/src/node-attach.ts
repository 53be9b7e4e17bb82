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
import type { Http2SessionManager } from "@connectrpc/connect-node";
import type { Attachment, AttachmentListener } from "./link.ts";

/** The server's frames are at most this long (semantics and design section 4: 1 MiB and its framing). */
const FRAME_BYTES_MAX = 4 * 1024 * 1024;
/** One byte of flags, four of length. */
const HEAD_BYTES = 5;
const COMPRESSED = 0b01;
const END_STREAM = 0b10;
const NOTHING: Buffer = Buffer.alloc(0);
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
  /** What has come of an envelope that is not whole yet. */
  #rest: Buffer = NOTHING;
  #isOver = false;

  constructor(manager: Http2SessionManager, listener: AttachmentListener) {
    this.#manager = manager;
    this.#listener = listener;
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
    stream.on("data", (chunk: Buffer) => this.#read(chunk));
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
    const message = toBinary(AttachRequestSchema, frame);
    const envelope = Buffer.allocUnsafe(HEAD_BYTES + message.length);
    envelope[0] = 0;
    envelope.writeUInt32BE(message.length, 1);
    envelope.set(message, HEAD_BYTES);
    stream.write(envelope);
  }

  #read(chunk: Buffer): void {
    if (this.#stream !== undefined) this.#manager.notifyResponseByteRead(this.#stream);
    let bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    try {
      while (!this.#isOver && bytes.length >= HEAD_BYTES) {
        const length = bytes.readUInt32BE(1);
        if (length > FRAME_BYTES_MAX) throw new Error(`a frame of ${length} bytes is too long`);
        if (bytes.length < HEAD_BYTES + length) break;
        this.#take(bytes.readUInt8(0), bytes.subarray(HEAD_BYTES, HEAD_BYTES + length));
        bytes = bytes.subarray(HEAD_BYTES + length);
      }
      // Not an empty part of the chunk, which would keep the whole of it.
      this.#rest = bytes.length === 0 ? NOTHING : bytes;
    } catch (error) {
      this.#fail(error);
    }
  }

  #take(flags: number, message: Buffer): void {
    if ((flags & COMPRESSED) !== 0) throw new Error("compression was not asked for");
    if ((flags & END_STREAM) !== 0) throw endOf(message);
    // A copy: what is kept of it, as a resume token, must not keep a whole buffer of the socket.
    this.#listener.frame(fromBinary(AttachResponseSchema, new Uint8Array(message)));
  }
}

/** What the Connect protocol's last envelope says. */
function endOf(message: Buffer): Error {
  const { error } = JSON.parse(message.toString()) as {
    readonly error?: { readonly code?: string; readonly message?: string };
  };
  if (error === undefined) return new Error("the server ended the stream");
  return new Error(`[${error.code ?? "unknown"}] ${error.message ?? ""}`);
}
