// SPDX-License-Identifier: Apache-2.0
// The Connect protocol's envelopes, as a server, or what stands before it, may send them.
import { once } from "node:events";
import {
  createServer,
  type Http2Server,
  type IncomingHttpHeaders,
  type ServerHttp2Stream,
} from "node:http2";
import { create, toBinary } from "@bufbuild/protobuf";
import { type AttachResponse, AttachResponseSchema } from "@conclave/api";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Link } from "./link.ts";
import { createNodeLink } from "./node-link.ts";

let server: Http2Server;
let link: Link;
let stream: ServerHttp2Stream;
let frames: AttachResponse[];
let ends: string[];
let asked: IncomingHttpHeaders;

beforeEach(async () => {
  server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  link = createNodeLink(async () => "secret");
  frames = [];
  ends = [];
  link.attach(`http://127.0.0.1:${port}/`, {
    frame: (frame) => frames.push(frame),
    end: (cause) => ends.push((cause as Error).message),
  });
  [stream, asked] = (await once(server, "stream")) as [ServerHttp2Stream, IncomingHttpHeaders];
  stream.on("error", () => {});
});

afterEach(() => {
  link.close();
  server.close();
});

const goodbye = (reason: string): Buffer =>
  envelope(
    0,
    toBinary(AttachResponseSchema, create(AttachResponseSchema, { goodbye: { reason } })),
  );

test("frames arrive whole, however they are cut on their way, and the stream's end is told once", async () => {
  stream.respond({ ":status": 200, "content-type": "application/connect+proto" });
  const bytes = Buffer.concat([goodbye("a"), goodbye("b"), goodbye("c"), envelope(2, text("{}"))]);
  for (const byte of bytes) {
    stream.write(Buffer.of(byte));
    await new Promise(setImmediate);
  }
  stream.end();

  await expect.poll(() => ends).toEqual(["the server ended the stream"]);
  expect(frames.map((frame) => frame.goodbye?.reason)).toEqual(["a", "b", "c"]);
});

test("the request says what it is, and who asks", () => {
  expect(asked[":path"]).toBe("/conclave.v1.SessionService/Attach");
  expect(asked["content-type"]).toBe("application/connect+proto");
  expect(asked.authorization).toBe("Bearer secret");
});

test.each([
  [
    "an error",
    () => envelope(2, text('{"error":{"code":"unauthenticated","message":"who?"}}')),
    "[unauthenticated] who?",
  ],
  [
    "a frame that is too long",
    () => Buffer.of(0, 0xff, 0, 0, 0),
    "a frame of 4278190080 bytes is too long",
  ],
  ["a compressed frame", () => envelope(1, text("x")), "compression was not asked for"],
])("%s ends the attachment, which says why", async (_, bytes, message) => {
  stream.respond({ ":status": 200, "content-type": "application/connect+proto" });
  stream.write(bytes());

  await expect.poll(() => ends).toEqual([message]);
  await expect.poll(() => stream.destroyed).toBe(true);
});

test("an answer of something else than a node ends the attachment", async () => {
  stream.respond({ ":status": 503 });
  stream.end("try later");

  await expect.poll(() => ends).toEqual(["the answer has HTTP status 503"]);
  expect(frames).toEqual([]);
});

function envelope(flags: number, message: Uint8Array): Buffer {
  const head = Buffer.of(flags, 0, 0, 0, 0);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}

function text(value: string): Buffer {
  return Buffer.from(value);
}
