// SPDX-License-Identifier: Apache-2.0
// Attach as it comes over a real port, from our SDK and from others.
import { once } from "node:events";
import { type ClientHttp2Session, type ClientHttp2Stream, connect } from "node:http2";
import { gzipSync } from "node:zlib";
import { create, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { AttachRequestSchema, type AttachResponse, AttachResponseSchema } from "@conclave/api";
import { EnvelopeReader, envelopeOf } from "@conclave/api/envelope";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createMemoryNode, type MemoryNode } from "../replica/memory-node.ts";
import { AttachStream } from "../rpc/attach-stream.ts";
import { registerNativeServices } from "../rpc/native-services.ts";
import { attachDoor } from "./attach-door.ts";
import { createConnections } from "./connections.ts";
import { type FrontPort, openFrontPort } from "./front-port.ts";
import { createRpcHandler } from "./rpc-handler.ts";
import { systemClock } from "./system-clock.ts";

const PATH = "/conclave.v1.SessionService/Attach";
const PLAIN = { "content-type": "application/connect+proto", "connect-protocol-version": "1" };

let memory: MemoryNode;
let port: FrontPort;
let session: ClientHttp2Session;
/** Those that were served by hand. */
let served: AttachStream[];

beforeEach(async () => {
  memory = createMemoryNode(2);
  served = [];
  const connections = createConnections();
  const handler = createRpcHandler({
    connections,
    clock: systemClock,
    routes: (router) => registerNativeServices(router, memory.node, { drawSessionId: () => 1n }),
    doors: [
      attachDoor((connection) => {
        const stream = new AttachStream(memory.node, connection);
        served.push(stream);
        return stream;
      }),
    ],
  });
  const outcome = await openFrontPort({
    ...{ host: "127.0.0.1", port: 0, clock: systemClock, connections },
    handler: (request, response) => void handler(request, response),
  });
  if (outcome.kind !== "open") throw new Error(outcome.detail);
  port = outcome.port;
  session = connect(port.url);
  session.on("error", () => {});
});

afterEach(async () => {
  session.destroy();
  await port.close(0);
});

type FrameInit = MessageInitShape<typeof AttachRequestSchema>;

interface Attached {
  readonly stream: ClientHttp2Stream;
  readonly frames: AttachResponse[];
  /** The last envelope's text. */
  readonly ends: string[];
  send(frame: FrameInit): void;
}

function attach(headers: Record<string, string> = PLAIN): Attached {
  const stream = session.request({ ":method": "POST", ":path": PATH, ...headers });
  stream.on("error", () => {});
  const [frames, ends]: [AttachResponse[], string[]] = [[], []];
  const reader = new EnvelopeReader(1 << 22, (flags, message) => {
    if (flags === 0) frames.push(fromBinary(AttachResponseSchema, message));
    else ends.push(new TextDecoder().decode(message));
    return true;
  });
  stream.on("data", (chunk: Uint8Array) => reader.read(chunk));
  const send: Attached["send"] = (frame) => void stream.write(bytesOf(frame));
  return { stream, frames, ends, send };
}

function bytesOf(frame: FrameInit): Uint8Array {
  return envelopeOf(0, toBinary(AttachRequestSchema, create(AttachRequestSchema, frame)));
}

const hello = (sessionId: bigint): FrameInit => ({ hello: { session: { sessionId } } });

test("our SDK's Attach is served by hand: a welcome, an end in order, and the connection goes on", async () => {
  const attached = attach();

  attached.send(hello(7n));
  await expect.poll(() => attached.frames[0]?.welcome?.instance).toMatch(/./);
  attached.stream.end();

  await expect.poll(() => attached.ends).toEqual(["{}"]);
  expect(served).toHaveLength(1);
  expect(session.closed).toBe(false);
});

test("frames that come in one piece and in many are carried out in their order", async () => {
  const attached = attach();
  const election = { name: "e" };
  const get = (correlation: bigint): FrameInit => ({
    commands: [
      { correlation, command: { case: "get" as const, value: { election, stale: true } } },
    ],
  });
  const bytes = [hello(7n), get(1n), get(2n)].map(bytesOf);
  const all = Buffer.concat(bytes);

  attached.stream.write(all.subarray(0, 7));
  await new Promise(setImmediate);
  attached.stream.write(all.subarray(7));

  const correlations = (): bigint[] =>
    attached.frames.flatMap(({ replies }) => replies.map(({ correlation }) => correlation));
  await expect.poll(correlations).toEqual([1n, 2n]);
});

test.each([
  ["a refusal of ours", bytesOf(hello(0n)), "invalid_argument"],
  ["a frame before the greeting", bytesOf({ closeSession: true }), "invalid_argument"],
  ["a frame that is too long", Uint8Array.of(0, 0, 0x10, 0, 1), "resource_exhausted"],
  ["bytes that are no message", envelopeOf(0, Uint8Array.of(0xff)), "invalid_argument"],
  ["an envelope that says it is compressed", envelopeOf(1, new Uint8Array(0)), "internal"],
])("%s ends the stream with an error that says why", async (_, bytes, code) => {
  const attached = attach();

  attached.stream.write(bytes);

  await expect.poll(() => attached.ends).toHaveLength(1);
  expect(JSON.parse(attached.ends[0]!)).toMatchObject({ error: { code } });
});

test("a frame that is cut by the end of the stream is an error, and what came before is told", async () => {
  const attached = attach();

  attached.stream.end(Buffer.concat([bytesOf(hello(7n)), Buffer.of(0, 0, 0)]));

  await expect.poll(() => attached.ends).toHaveLength(1);
  expect(JSON.parse(attached.ends[0]!)).toMatchObject({ error: { code: "invalid_argument" } });
});

test("a client that resets its stream has left, and its attachment is closed", async () => {
  const attached = attach();
  attached.send(hello(7n));
  await expect.poll(() => attached.frames).toHaveLength(1);

  attached.stream.close();
  await once(attached.stream, "close");

  // Then nothing more is carried out.
  await expect.poll(() => served[0]?.take(create(AttachRequestSchema))).toBe(false);
});

test("a client that reads late is told everything in the end", async () => {
  const attached = attach();
  attached.stream.pause();
  attached.send(hello(7n));
  const names = Array.from({ length: 2_000 }, (_, i) => `election-${i}-${"x".repeat(200)}`);
  for (const [i, name] of names.entries()) {
    const command = { case: "get" as const, value: { election: { name }, stale: true } };
    attached.send({ commands: [{ correlation: BigInt(i + 1), command }] });
  }
  await new Promise(setImmediate);

  attached.stream.resume();

  const count = (): number => attached.frames.reduce((sum, { replies }) => sum + replies.length, 0);
  await expect.poll(count).toBe(2_000);
});

test("what comes in another shape goes the general way, and is answered alike", async () => {
  const packed = { ...PLAIN, "connect-content-encoding": "gzip" };
  const compressed = attach(packed);
  const message = toBinary(AttachRequestSchema, create(AttachRequestSchema, hello(7n)));

  compressed.stream.write(envelopeOf(1, gzipSync(message)));

  await expect.poll(() => compressed.frames[0]?.welcome?.instance).toMatch(/./);
  expect(served).toEqual([]);
});
