// SPDX-License-Identifier: Apache-2.0
// Frames over a real connection, of which one end says whatever it likes.
import { once } from "node:events";
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  constants,
  createServer,
  type Http2Server,
  type ServerHttp2Stream,
} from "node:http2";
import type { AddressInfo } from "node:net";
import { create, toBinary } from "@bufbuild/protobuf";
import { envelopeOf } from "@conclave/api/envelope";
import {
  AnswerSchema,
  type ExchangeResponse,
  ExchangeResponseSchema,
  PeerService,
} from "@conclave/api/peer";
import { afterEach, beforeEach, expect, test } from "vitest";
import { framesOf, sendFrames } from "./frame-stream.ts";
import { beginAnswer, endAnswer, plainRequest } from "./plain-stream.ts";

const BYTES_MAX = 100;

let server: Http2Server;
let session: ClientHttp2Session;
let asking: ClientHttp2Stream;
let answering: ServerHttp2Stream;

beforeEach(async () => {
  server = createServer();
  server.on("sessionError", () => {});
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  session = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  session.on("error", () => {});
  asking = session.request(plainRequest(PeerService.method.exchange));
  asking.on("error", () => {});
  [answering] = (await once(server, "stream")) as [ServerHttp2Stream];
  answering.on("error", () => {});
});

afterEach(() => {
  session.destroy();
  server.close();
});

const pong = (value: bigint): ExchangeResponse => create(ExchangeResponseSchema, { pong: value });

const bytesOf = (value: bigint): Uint8Array => toBinary(ExchangeResponseSchema, pong(value));

const text = (value: string): Uint8Array => new TextEncoder().encode(value);

/** What a reader of the stream comes to: its frames, and how they end. */
async function readAll(
  stream: ClientHttp2Stream | ServerHttp2Stream,
  isAnswer: boolean,
): Promise<{ readonly pongs: bigint[]; readonly end: string }> {
  const pongs: bigint[] = [];
  try {
    const options = { schema: ExchangeResponseSchema, bytesMax: BYTES_MAX, isAnswer };
    for await (const frame of framesOf(stream, options)) pongs.push(frame.pong);
    return { pongs, end: "in order" };
  } catch (error) {
    return { pongs, end: (error as Error).message };
  }
}

test("an answer is read to its last envelope", async () => {
  const reading = readAll(asking, true);
  beginAnswer(answering);
  answering.write(envelopeOf(0, bytesOf(1n)));
  answering.write(envelopeOf(0, bytesOf(2n)));
  endAnswer(answering);

  expect(await reading).toEqual({ pongs: [1n, 2n], end: "in order" });
});

test("a request is read to the end of its stream", async () => {
  const reading = readAll(answering, false);
  asking.write(envelopeOf(0, bytesOf(1n)));
  asking.end();

  expect(await reading).toEqual({ pongs: [1n], end: "in order" });
});

test.each<[string, Uint8Array, string]>([
  ["a frame that is too long", Uint8Array.of(0, 0, 0, 0, 101), "a frame of 101 bytes is too long"],
  ["a compressed frame", envelopeOf(1, text("x")), "an envelope has the flags 1"],
  [
    "an error",
    envelopeOf(2, text('{"error":{"code":"internal","message":"oh"}}')),
    "[internal] oh",
  ],
  ["an end that is none", envelopeOf(2, text("{")), expect.stringMatching(/JSON/) as string],
  ["what is no message", envelopeOf(0, Uint8Array.of(255)), expect.stringMatching(/./) as string],
])("%s ends an answer after what came before, with a reason", async (_, bytes, end) => {
  const reading = readAll(asking, true);
  beginAnswer(answering);
  answering.write(envelopeOf(0, bytesOf(1n)));
  answering.write(bytes);
  answering.write(envelopeOf(0, bytesOf(2n)));

  expect(await reading).toEqual({ pongs: [1n], end });
});

test("an answer with another status is none", async () => {
  const reading = readAll(asking, true);
  answering.respond({ ":status": 503 });
  answering.end(envelopeOf(2, text("{}")));

  expect((await reading).end).toBe("the answer has HTTP status 503");
});

test.each<[string, (stream: ServerHttp2Stream) => unknown]>([
  ["ends without its last envelope", (stream) => stream.end()],
  ["is reset", (stream) => stream.close(constants.NGHTTP2_INTERNAL_ERROR)],
  ["loses its connection", (stream) => stream.session?.destroy()],
])("an answer that %s ends with an error", async (_, end) => {
  const reading = readAll(asking, true);
  beginAnswer(answering);
  answering.write(envelopeOf(0, bytesOf(1n)));
  await once(asking, "data");
  end(answering);

  const { pongs, end: how } = await reading;
  expect(pongs).toEqual([1n]);
  expect(how).not.toBe("in order");
});

test.each<[string, Uint8Array]>([
  ["in the midst of a frame", envelopeOf(0, text("abc")).subarray(0, 6)],
  ["after an envelope that only answers have", envelopeOf(2, text("{}"))],
])("a request that ends %s is not in order", async (_, bytes) => {
  const reading = readAll(answering, false);
  asking.end(bytes);

  expect((await reading).end).not.toBe("in order");
});

test("no frame is asked for while the peer does not read, and all arrive when it does", async () => {
  let asked = 0;
  async function* large(): AsyncGenerator<ExchangeResponse> {
    for (; asked < 100; asked++) {
      const answer = create(AnswerSchema, { answer: new Uint8Array(100_000), correlation: 1n });
      yield create(ExchangeResponseSchema, { answers: [answer], pong: BigInt(asked) });
    }
  }
  beginAnswer(answering);

  const sending = sendFrames(answering, ExchangeResponseSchema, large()).then(() =>
    endAnswer(answering),
  );
  await once(asking, "response");
  await expect.poll(() => answering.writableNeedDrain).toBe(true);
  expect(asked).toBeLessThan(20);
  const frames = framesOf(asking, {
    schema: ExchangeResponseSchema,
    bytesMax: 200_000,
    isAnswer: true,
  });
  let count = 0n;
  for await (const { pong: number } of frames) expect(number).toBe(count++);

  expect(count).toBe(100n);
  await sending;
});

test("a stream that breaks while it is full ends the frames that were to be sent on it", async () => {
  let isReturned = false;
  async function* endless(): AsyncGenerator<ExchangeResponse> {
    const answer = create(AnswerSchema, { answer: new Uint8Array(100_000) });
    try {
      for (;;) yield create(ExchangeResponseSchema, { answers: [answer] });
    } finally {
      isReturned = true;
    }
  }
  beginAnswer(answering);
  const sending = sendFrames(answering, ExchangeResponseSchema, endless());
  await once(asking, "response");

  session.destroy();
  await sending;

  expect(isReturned).toBe(true);
});
