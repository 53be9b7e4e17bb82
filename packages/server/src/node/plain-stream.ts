// SPDX-License-Identifier: Apache-2.0
/**
 * The Connect protocol on one stream of HTTP/2, where nothing is asked for that only Connect's general
 * handler can do: no compression, no deadline, protobuf. Its heads and ends; frames are its users'.
 *
 * By hand, since the general handler and transport drive every frame through a dozen generators: more
 * work than all that a node does with the frame, and tens of kilobytes for each stream that stands.
 */

import {
  constants,
  type Http2ServerRequest,
  type Http2Stream,
  type OutgoingHttpHeaders,
  type ServerHttp2Stream,
} from "node:http2";
import type { DescMethod } from "@bufbuild/protobuf";
import { ENVELOPE_END, envelopeOf } from "@conclave/api/envelope";
import type { ConnectError } from "@connectrpc/connect";
import { endStreamToJson } from "@connectrpc/connect/protocol-connect";
import type { Connection } from "../rpc/connection-context.ts";
import type { PortRequest } from "./connections.ts";

/** A streaming method that is served here where it comes plainly. */
export interface PlainDoor {
  readonly method: DescMethod;
  serve(stream: ServerHttp2Stream, connection: Connection | undefined): void;
}

const CONTENT_TYPE = "application/connect+proto";
const PROTOCOL_VERSION = "connect-protocol-version";
const {
  HTTP2_HEADER_CONTENT_TYPE,
  HTTP2_HEADER_METHOD,
  HTTP2_HEADER_PATH,
  HTTP2_HEADER_STATUS,
  NGHTTP2_NO_ERROR,
} = constants;

/** Whether a request for a door's method may go through it. */
export function isPlain(request: PortRequest): request is Http2ServerRequest {
  const { headers, method } = request;
  return (
    "stream" in request &&
    method === "POST" &&
    headers[HTTP2_HEADER_CONTENT_TYPE] === CONTENT_TYPE &&
    headers[PROTOCOL_VERSION] === "1" &&
    headers["connect-content-encoding"] === undefined &&
    headers["connect-timeout-ms"] === undefined
  );
}

/** What a plain request begins with. */
export function plainRequest(method: DescMethod): OutgoingHttpHeaders {
  return {
    [HTTP2_HEADER_METHOD]: "POST",
    [HTTP2_HEADER_PATH]: pathTo(method),
    [HTTP2_HEADER_CONTENT_TYPE]: CONTENT_TYPE,
    [PROTOCOL_VERSION]: "1",
  };
}

export function pathTo(method: DescMethod): string {
  return `/${method.parent.typeName}/${method.name}`;
}

/** False: whoever asked has gone already. */
export function beginAnswer(stream: ServerHttp2Stream): boolean {
  // Of a peer that went away; the stream's end is what counts.
  stream.on("error", () => {});
  if (stream.destroyed) return false;
  stream.respond({ [HTTP2_HEADER_STATUS]: 200, [HTTP2_HEADER_CONTENT_TYPE]: CONTENT_TYPE });
  return true;
}

export function endAnswer(stream: ServerHttp2Stream, error?: ConnectError): void {
  if (!isWritable(stream)) return;
  const end = JSON.stringify(endStreamToJson(new Headers(), error, undefined));
  stream.end(envelopeOf(ENVELOPE_END, new TextEncoder().encode(end)));
}

export function isWritable(stream: Http2Stream): boolean {
  return !stream.destroyed && !stream.writableEnded && stream.rstCode === NGHTTP2_NO_ERROR;
}

/** Resolves when the stream takes more, or nothing any more. */
export function drained(stream: Http2Stream): Promise<void> {
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
