// SPDX-License-Identifier: Apache-2.0
/**
 * Attach as our SDK asks for it, frame by frame on its plain stream.
 *
 * What comes in any other shape goes the general way. It decides nothing about sessions.
 */

import type { ServerHttp2Stream } from "node:http2";
import { fromBinary, toBinary } from "@bufbuild/protobuf";
import {
  type AttachRequest,
  AttachRequestSchema,
  AttachResponseSchema,
  SessionService,
} from "@conclave/api";
import { EnvelopeReader, envelopeOf } from "@conclave/api/envelope";
import { Code, ConnectError } from "@connectrpc/connect";
import type { AttachStream } from "../rpc/attach-stream.ts";
import type { Connection } from "../rpc/connection-context.ts";
import { beginAnswer, drained, endAnswer, isWritable, type PlainDoor } from "./plain-stream.ts";
import { FRAME_BYTES_MAX } from "./rpc-handler.ts";

type OpenAttach = (connection: Connection | undefined) => AttachStream;

export function attachDoor(open: OpenAttach): PlainDoor {
  return {
    method: SessionService.method.attach,
    serve: (stream, connection) => serve(stream, open(connection)),
  };
}

/** Carries frames between the two until either has ended. */
function serve(stream: ServerHttp2Stream, attach: AttachStream): void {
  if (!beginAnswer(stream)) {
    attach.close();
    return;
  }
  receive(stream, attach);
  void send(stream, attach);
}

function receive(stream: ServerHttp2Stream, attach: AttachStream): void {
  let isOver = false;
  const fail = (error: ConnectError): void => {
    isOver = true;
    attach.broken(error);
  };
  const envelopes = new EnvelopeReader(FRAME_BYTES_MAX, (flags, message) => {
    if (flags === 0) isOver = !attach.take(requestOf(message));
    else fail(new ConnectError(`an envelope has the flags ${flags}`, Code.Internal));
    return !isOver;
  });
  stream.on("data", (chunk: Uint8Array) => {
    if (isOver) return;
    try {
      const bytes = envelopes.read(chunk);
      if (bytes !== undefined) throw tooLong(bytes);
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

function tooLong(bytes: number): ConnectError {
  const message = `a frame of ${bytes} bytes is larger than ${FRAME_BYTES_MAX}`;
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
  endAnswer(stream, error);
}
