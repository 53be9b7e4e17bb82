// SPDX-License-Identifier: Apache-2.0
// What broken and ill-meaning peers send: each ends its own connection at most, and the next caller
// is answered. An exception that nothing catches fails the whole run.
import { once } from "node:events";
import { type ClientHttp2Session, connect as connectHttp2 } from "node:http2";
import { connect as connectTcp } from "node:net";
import { gzipSync } from "node:zlib";
import { createPrng } from "@conclave/base";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Connections, createConnections } from "./connections.ts";
import { type FrontPort, type FrontPortOptions, openFrontPort } from "./front-port.ts";
import { registerHealth } from "./health-service.ts";
import { createHttpRoutes } from "./http-routes.ts";
import { createOriginPolicy } from "./origin-policy.ts";
import { createReadiness } from "./readiness.ts";
import { registerReflection } from "./reflection-service.ts";
import { createRpcHandler, FRAME_BYTES_MAX, UNARY_BYTES_MAX } from "./rpc-handler.ts";
import { systemClock } from "./system-clock.ts";

const CHECK = "/grpc.health.v1.Health/Check";
const WATCH = "/grpc.health.v1.Health/Watch";
const REFLECT = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo";
const PREFACE = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");

const metrics = { page: async () => "a 1\n", contentType: "text/plain; version=0.0.4" };
let port: FrontPort;
/** Of `port`. */
const connections = createConnections();
/** One that soon gives up a peer that does not answer. */
let impatient: FrontPort;

beforeAll(async () => {
  port = await open(connections, {});
  impatient = await open(createConnections(), { pings: { intervalMs: 50, timeoutMs: 200 } });
});

afterAll(() => Promise.all([port.close(0), impatient.close(0)]));

async function open(
  connections: Connections,
  limits: NonNullable<FrontPortOptions["limits"]>,
): Promise<FrontPort> {
  const readiness = createReadiness(() => []);
  const rpc = createRpcHandler({
    connections,
    clock: systemClock,
    routes: (router, registered) => {
      registerHealth(router, readiness, registered.isRegistered);
      registerReflection(router, registered.all);
    },
  });
  const origins = createOriginPolicy({ scheme: "http", ownNames: [], corsOrigins: [] });
  const consoleFiles = new Map();
  const handler = createHttpRoutes({ rpc, readiness, metrics, origins, consoleFiles });
  const address = { host: "127.0.0.1", port: 0, clock: systemClock };
  const outcome = await openFrontPort({ ...address, connections, handler, limits });
  if (outcome.kind !== "open") throw new Error(outcome.detail);
  return outcome.port;
}

async function expectAlive(): Promise<void> {
  const answer = await post(CHECK, "application/json", "{}");
  expect(await answer.json()).toEqual({ status: "SERVING" });
}

function post(
  path: string,
  contentType: string,
  body: string | Uint8Array<ArrayBuffer>,
  headers: Record<string, string> = {},
): Promise<Response> {
  const sent = { "Content-Type": contentType, ...headers };
  return fetch(port.url + path, { method: "POST", headers: sent, body });
}

/** Sends the bytes, closes its half, and resolves with all that came back once the peer has closed. */
function throwAt(bytes: Uint8Array, target = impatient): Promise<string> {
  return new Promise((resolve) => {
    const heard: Buffer[] = [];
    const socket = connectTcp({ host: "127.0.0.1", port: Number(new URL(target.url).port) });
    socket.on("error", () => {});
    socket.on("data", (chunk) => heard.push(chunk));
    socket.on("close", () => resolve(Buffer.concat(heard).toString("latin1")));
    socket.end(bytes);
  });
}

/** An HTTP/2 frame. */
function frame(type: number, flags: number, stream: number, payload: Uint8Array): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

/** A literal header field without indexing (RFC 7541 section 6.2.2). */
function header(name: string, value: string): Buffer {
  const parts = [name, value].map((text) => Buffer.from([text.length, ...Buffer.from(text)]));
  return Buffer.concat([Buffer.from([0]), ...parts]);
}

const HEADERS = Buffer.concat([
  header(":method", "POST"),
  header(":scheme", "http"),
  header(":path", CHECK),
  header(":authority", "localhost"),
  header("content-type", "application/grpc"),
  header("te", "trailers"),
]);

/** A whole gRPC call, from the preface to the last byte. */
const GRPC_CALL = Buffer.concat([
  PREFACE,
  frame(4, 0, 0, Buffer.alloc(0)),
  frame(1, 4, 1, HEADERS),
  frame(0, 1, 1, Buffer.from([0, 0, 0, 0, 2, 0x0a, 0])),
]);

/** A message of gRPC, and of Connect's streams, behind its prefix of flags and length. */
const enveloped = (message: Uint8Array, length = message.length): Buffer =>
  Buffer.concat([Buffer.from([0, 0, 0, 0, 0]), message]).fill(lengthOf(length), 1, 5);

function lengthOf(length: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(length);
  return bytes;
}

describe("truncated and garbled", () => {
  test("the call that is cut and garbled below is a good one as it stands", async () => {
    // Not compressed, 2 bytes, field 1: SERVING.
    expect(await throwAt(GRPC_CALL)).toContain("\0\0\0\0\x02\x08\x01");
  });

  test("HTTP/2 cut off at any byte harms nobody", async () => {
    const cuts = Array.from({ length: GRPC_CALL.length }, (_, end) => GRPC_CALL.subarray(0, end));
    await Promise.all(cuts.map((cut) => throwAt(cut)));
    await expectAlive();
  });

  test("HTTP/2 with bytes garbled at random harms nobody (seed 1)", async () => {
    // After some errors Node says GOAWAY and keeps the connection, deaf, until a PING goes unanswered.
    const prng = createPrng(1n);
    const garble = (): Buffer => {
      const bytes = Buffer.from(GRPC_CALL);
      for (let index = 0; index < 3; index++) {
        // Beyond the preface's first bytes, or most would not be taken for HTTP/2 at all.
        bytes[4 + prng.below(bytes.length - 4)] = prng.below(256);
      }
      return bytes;
    };
    for (let round = 0; round < 10; round++) {
      await Promise.all(Array.from({ length: 50 }, garble).map((bytes) => throwAt(bytes)));
    }
    await expectAlive();
  });

  test("random bytes harm nobody (seed 2)", async () => {
    const prng = createPrng(2n);
    const noise = (): Uint8Array => Uint8Array.from({ length: 200 }, () => prng.below(256));
    await Promise.all(Array.from({ length: 200 }, noise).map((bytes) => throwAt(bytes)));
    await expectAlive();
  });

  test.each([
    ["without a host", `POST ${CHECK} HTTP/1.0\r\nContent-Type: application/json\r\n`],
    ["with a host that is none", `POST ${CHECK} HTTP/1.1\r\nHost: [\r\nConnection: close\r\n`],
    ["with a path that is none", "GET \\\\\\ HTTP/1.1\r\nHost: h\r\nConnection: close\r\n"],
    [
      "with two lengths",
      "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nContent-Length: 2\r\n",
    ],
  ])("a request %s is refused", async (_name, head) => {
    const heard = await throwAt(Buffer.from(`${head}\r\n`));
    expect(heard).toMatch(/^HTTP\/1\.1 40[04]/);
    await expectAlive();
  });
});

describe("messages that are none", () => {
  test.each([
    ["JSON that does not end", "application/json", "{"],
    ["JSON of another type", "application/json", `{"service":7}`],
  ])("%s is refused with invalid_argument", async (_name, contentType, body) => {
    const answer = await post(CHECK, contentType, body);
    expect(answer.status).toBe(400);
    expect((await answer.json()).code).toBe("invalid_argument");
  });

  // Connect answers these with `internal`, as gRPC's own servers do.
  test.each([
    ["a field that does not end", Uint8Array.of(0x0a, 5, 0x61)],
    ["UTF-8 that is none in a string", Uint8Array.of(0x0a, 2, 0xc3, 0x28)],
    ["a group that nothing ends", Uint8Array.of(0x0b)],
  ])("%s is refused in the binary format", async (_name, body) => {
    const answer = await post(CHECK, "application/proto", body);
    expect((await answer.json()).code).toBe("internal");
    await expectAlive();
  });

  test("an encoding that it is not in is refused", async () => {
    const answer = await post(CHECK, "application/proto", "no gzip", {
      "Content-Encoding": "gzip",
    });
    expect(answer.status).toBeGreaterThanOrEqual(400);
    await expectAlive();
  });

  test("a content type that nobody speaks is refused", async () => {
    expect((await post(CHECK, "text/xml", "<a/>")).status).toBe(415);
  });
});

describe("over the limit", () => {
  const service = (bytes: number): string => JSON.stringify({ service: "x".repeat(bytes) });

  test("a unary request of 64 KiB is read, and a longer one refused", async () => {
    const fits = service(UNARY_BYTES_MAX - service(0).length);
    expect((await (await post(CHECK, "application/json", fits)).json()).code).toBe("not_found");
    const answer = await post(CHECK, "application/json", service(UNARY_BYTES_MAX));
    expect((await answer.json()).code).toBe("resource_exhausted");
  });

  test("a small request that unpacks to a long one is refused", async () => {
    const bomb = gzipSync(service(50_000_000));
    const answer = await post(CHECK, "application/json", bomb, { "Content-Encoding": "gzip" });
    expect((await answer.json()).code).toBe("resource_exhausted");
  });

  /** The trailers' status of a stream of gRPC messages that the client closes after the last. */
  async function grpcStatus(path: string, body: Uint8Array): Promise<unknown> {
    const session = connectHttp2(port.url);
    try {
      const stream = session.request({
        ":method": "POST",
        ":path": path,
        "content-type": "application/grpc",
      });
      stream.resume();
      stream.on("error", () => {});
      stream.end(body);
      const [headers] = await Promise.race([once(stream, "trailers"), once(stream, "response")]);
      return headers["grpc-status"] ?? (await once(stream, "trailers"))[0]["grpc-status"];
    } finally {
      session.destroy();
    }
  }

  /** A ServerReflectionRequest that asks for a symbol of a length so that all is `bytes` long. */
  const question = (bytes: number): Buffer => {
    const length = bytes - 4;
    const varint = [(length & 0x7f) | 0x80, ((length >> 7) & 0x7f) | 0x80, length >> 14];
    return Buffer.concat([Buffer.from([0x22, ...varint]), Buffer.alloc(length, "x")]);
  };

  test("a frame of a stream may have 1 MiB, and not one byte more", async () => {
    expect(await grpcStatus(REFLECT, enveloped(question(FRAME_BYTES_MAX)))).toBe("0");
    expect(await grpcStatus(REFLECT, enveloped(question(FRAME_BYTES_MAX + 1)))).toBe("8");
  });

  test("a frame that says it is 4 GiB long is refused before anything of it has come", async () => {
    const answer = await grpcStatus(CHECK, enveloped(Buffer.alloc(1), 0xffff_ffff));
    expect(answer).toBe("8");
    await expectAlive();
  });
});

describe("a peer that will not leave", () => {
  test("is closed when it says that it goes, and keeps its half of the connection open", async () => {
    const goAway = frame(7, 0, 0, Buffer.alloc(8));
    const hello = Buffer.concat([PREFACE, frame(4, 0, 0, Buffer.alloc(0)), goAway]);
    const address = { host: "127.0.0.1", port: Number(new URL(impatient.url).port) };
    const socket = connectTcp({ ...address, allowHalfOpen: true });
    socket.on("error", () => {});
    socket.resume();
    socket.write(hello);
    await once(socket, "end");

    // The server has closed its half. Whatever comes now meets a closed socket, or this never ends.
    const closed = new Promise((resolve) => socket.once("close", resolve));
    const writing = setInterval(() => socket.write(Buffer.alloc(1)), 20);
    await closed;
    clearInterval(writing);

    await expectAlive();
  });
});

describe("many", () => {
  const openWatch = (session: ClientHttp2Session) => {
    const stream = session.request({
      ":method": "POST",
      ":path": WATCH,
      "content-type": "application/grpc",
    });
    stream.on("error", () => {});
    stream.end(enveloped(Buffer.alloc(0)));
    return once(stream, "data");
  };

  test("10,000 open streams over four connections are served, and so is the next caller", async () => {
    const sessions = Array.from({ length: 4 }, () => connectHttp2(port.url));
    for (const session of sessions) session.on("error", () => {});
    await Promise.all(sessions.map((session) => once(session, "remoteSettings")));
    const first = sessions.flatMap((session) =>
      Array.from({ length: 2_500 }, () => openWatch(session)),
    );
    expect((await Promise.all(first)).length).toBe(10_000);
    await expectAlive();
    for (const session of sessions) session.destroy();
    await expect.poll(() => [...connections].length, { timeout: 60_000 }).toBeLessThan(4);
    await expectAlive();
    // A second or two where the machine is free; the bound is for one that is not.
  }, 120_000);

  test("streams beyond a connection's limit are refused and the connection goes on", async () => {
    const handler = () => {};
    const address = { host: "127.0.0.1", port: 0 };
    const limits = { streamsMax: 2 };
    const outcome = await openFrontPort({ ...address, clock: systemClock, handler, limits });
    if (outcome.kind !== "open") throw new Error(outcome.detail);
    const session = connectHttp2(outcome.port.url);
    session.on("error", () => {});
    await once(session, "remoteSettings");
    expect(session.remoteSettings.maxConcurrentStreams).toBe(2);
    session.destroy();
    await outcome.port.close(0);
  });
});
