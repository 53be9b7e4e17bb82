// SPDX-License-Identifier: Apache-2.0
/**
 * Attach as our SDK asks for it, straight on a stream of HTTP/2: the Connect protocol's envelopes.
 *
 * By hand, since Connect's general handler drives every frame through a dozen generators, which took half
 * of a node's time where many sessions renew, and keeps tens of kilobytes for each stream. What comes in
 * any other shape (compressed, gRPC, HTTP/1.1, with a deadline) goes that general way. It decides
 * nothing about sessions.
 */

import { constants, type Http2ServerRequest, type ServerHttp2Stream } from "node:http2";
import { fromBinary, toBinary } from "@bufbuild/protobuf";
import {
  type AttachRequest,
  AttachRequestSchema,
  AttachResponseSchema,
  SessionService,
} from "@conclave/api";
import { ENVELOPE_END, EnvelopeReader, envelopeOf } from "@conclave/api/envelope";
import { Code, ConnectError } from "@connectrpc/connect";
import { endStreamToJson } from "@connectrpc/connect/protocol-connect";
import type { AttachStream } from "../rpc/attach-stream.ts";
import type { Connection } from "../rpc/connection-context.ts";
import type { PortRequest } from "./connections.ts";

export type OpenAttach = (connection: Connection | undefined) => AttachStream;

const PATH = `/${SessionService.typeName}/${SessionService.method.attach.name}`;
const CONTENT_TYPE = "application/connect+proto";
const { HTTP2_HEADER_CONTENT_TYPE, HTTP2_HEADER_STATUS, NGHTTP2_NO_ERROR } = constants;

/** Whether it is an Attach that needs nothing of what only the general handler can do. */
export function isPlainAttach(request: PortRequest): request is Http2ServerRequest {
  if (!("stream" in request) || request.url !== PATH || request.method !== "POST") return false;
  const { headers } = request;
  return (
    headers[HTTP2_HEADER_CONTENT_TYPE] === CONTENT_TYPE &&
    headers["connect-protocol-version"] === "1" &&
    headers["connect-content-encoding"] === undefined &&
    headers["connect-timeout-ms"] === undefined
  );
}

/** Carries frames between the two until either has ended. */
export function serveAttach(
  stream: ServerHttp2Stream,
  attach: AttachStream,
  frameBytesMax: number,
): void {
  // Of a peer that went away; the stream's end is what counts.
  stream.on("error", () => {});
  if (stream.destroyed) {
    attach.close();
    return;
  }
  stream.respond({ [HTTP2_HEADER_STATUS]: 200, [HTTP2_HEADER_CONTENT_TYPE]: CONTENT_TYPE });
  receive(stream, attach, frameBytesMax);
  void send(stream, attach);
}

function receive(stream: ServerHttp2Stream, attach: AttachStream, frameBytesMax: number): void {
  let isOver = false;
  const fail = (error: ConnectError): void => {
    isOver = true;
    attach.broken(error);
  };
  const envelopes = new EnvelopeReader(frameBytesMax, (flags, message) => {
    if (flags === 0) isOver = !attach.take(requestOf(message));
    else fail(new ConnectError(`an envelope has the flags ${flags}`, Code.Internal));
    return !isOver;
  });
  stream.on("data", (chunk: Uint8Array) => {
    if (isOver) return;
    try {
      const bytes = envelopes.read(chunk);
      if (bytes !== undefined) throw tooLong(bytes, frameBytesMax);
    } catch (error) {
      fail(ConnectError.from(error, Code.Internal));
    }
  });
  stream.on("end", () => {
    if (isOver) return;
    if (envelopes.isAmidst) fail(new ConnectError("the last frame is cut", Code.InvalidArgument));
    else attach.inputEnded();
  });
  stream.on("close", () => {
    isOver = true;
    attach.close();
  });
}

function requestOf(message: Uint8Array): AttachRequest {
  try {
    return fromBinary(AttachRequestSchema, message);
  } catch (error) {
    throw ConnectError.from(error, Code.InvalidArgument);
  }
}

function tooLong(bytes: number, bytesMax: number): ConnectError {
  const message = `a frame of ${bytes} bytes is larger than ${bytesMax}`;
  return new ConnectError(message, Code.ResourceExhausted);
}

async function send(stream: ServerHttp2Stream, attach: AttachStream): Promise<void> {
  let error: ConnectError | undefined;
  try {
    for await (const frame of attach.frames()) {
      if (!isWritable(stream)) return;
      // What gathers while the client does not read is bounded, and goes in fewer frames.
      const goesOn = stream.write(envelopeOf(0, toBinary(AttachResponseSchema, frame)));
      if (!goesOn) await drained(stream);
    }
  } catch (reason) {
    error = ConnectError.from(reason, Code.Internal);
  } finally {
    attach.close();
  }
  if (!isWritable(stream)) return;
  const end = JSON.stringify(endStreamToJson(new Headers(), error, undefined));
  stream.end(envelopeOf(ENVELOPE_END, new TextEncoder().encode(end)));
}

function isWritable(stream: ServerHttp2Stream): boolean {
  return !stream.destroyed && !stream.writableEnded && stream.rstCode === NGHTTP2_NO_ERROR;
}

function drained(stream: ServerHttp2Stream): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      stream.off("drain", done);
      stream.off("close", done);
      resolve();
    };
    stream.on("drain", done);
    stream.on("close", done);
  });
}
