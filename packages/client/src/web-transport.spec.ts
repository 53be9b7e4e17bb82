// SPDX-License-Identifier: Apache-2.0
import { create, toBinary } from "@bufbuild/protobuf";
import { BinaryWriter } from "@bufbuild/protobuf/wire";
import {
  ElectionService,
  ErrorInfoSchema,
  GetRequestSchema,
  GetResponseSchema,
  ListenRequestSchema,
  type ListenResponse,
  ListenResponseSchema,
  Outcome,
  Reason,
  SessionService,
} from "@conclave/api";
import { ENVELOPE_END, envelopeOf } from "@conclave/api/envelope";
import { describe, expect, test } from "vitest";
import { createWebTransport, type WebTransport } from "./web-transport.ts";

const ENDPOINT = "http://127.0.0.1:7400/below";
const INFO = create(ErrorInfoSchema, {
  reason: Reason.NOT_A_CANDIDATE,
  outcome: Outcome.NOT_APPLIED,
});
const ANSWER = create(GetResponseSchema, { view: { term: 7n } });
const TOLD = create(ListenResponseSchema, { id: 3 });

type Protocol = Parameters<typeof createWebTransport>[0];

interface Asked {
  readonly url: string;
  readonly init: RequestInit;
}

/** A transport whose every call gets this answer, and what it asked. */
function answering(
  protocol: Protocol,
  answer: Response,
): { transport: WebTransport; asked: Asked[] } {
  const asked: Asked[] = [];
  const transport = createWebTransport(protocol, async (url, init = {}) => {
    asked.push({ url: String(url), init });
    return answer;
  });
  return { transport, asked };
}

async function get(transport: WebTransport) {
  const answers: unknown[] = [];
  const call = {
    endpoint: ENDPOINT,
    method: ElectionService.method.get,
    message: create(GetRequestSchema, {}),
    token: "secret",
  };
  const refusal = await transport.call(call, (message) => answers.push(message));
  return { refusal, answers };
}

async function listenTo(transport: WebTransport) {
  const told: ListenResponse[] = [];
  const call = {
    endpoint: ENDPOINT,
    method: SessionService.method.listen,
    message: create(ListenRequestSchema, {}),
    token: undefined,
  };
  const refusal = await transport.call(call, (message) => told.push(message));
  return { refusal, told };
}

/** The bytes in chunks of this length, as a network may cut them. */
function inChunks(length: number, ...parts: readonly Uint8Array[]): ReadableStream<Uint8Array> {
  const bytes = Uint8Array.from(parts.flatMap((part) => [...part]));
  return new ReadableStream({
    start(controller) {
      for (let at = 0; at < bytes.length; at += length) {
        controller.enqueue(bytes.slice(at, at + length));
      }
      controller.close();
    },
  });
}

const bytesOfText = (text: string): Uint8Array => new TextEncoder().encode(text);
const typed = (type: string) => ({ headers: { "content-type": type } });
const base64 = (bytes: Uint8Array): string =>
  btoa(String.fromCharCode(...bytes)).replace(/=+$/, "");

/** A google.rpc.Status with one detail, among fields that nobody asked for. */
function statusWithInfo(): string {
  const any = new BinaryWriter()
    .uint32((1 << 3) | 2)
    .string("type.googleapis.com/conclave.v1.ErrorInfo")
    .uint32((2 << 3) | 2)
    .bytes(toBinary(ErrorInfoSchema, INFO))
    .finish();
  const other = new BinaryWriter()
    .uint32((1 << 3) | 2)
    .string("type.googleapis.com/x.Y")
    .finish();
  const status = new BinaryWriter().uint32(1 << 3).int32(5);
  for (const detail of [other, any]) status.uint32((3 << 3) | 2).bytes(detail);
  return base64(status.finish());
}

describe("by the Connect protocol", () => {
  test("a call goes to its method's path under the endpoint's own, with its token and no cookie", async () => {
    const body = toBinary(GetResponseSchema, ANSWER) as Uint8Array<ArrayBuffer>;
    const { transport, asked } = answering(
      "connect",
      new Response(body, typed("application/proto")),
    );

    const { refusal, answers } = await get(transport);

    expect(refusal).toBeUndefined();
    expect(answers).toEqual([ANSWER]);
    expect(asked[0]?.url).toBe(`${ENDPOINT}/conclave.v1.ElectionService/Get`);
    expect(asked[0]?.init).toMatchObject({
      method: "POST",
      credentials: "omit",
      cache: "no-store",
      headers: {
        authorization: "Bearer secret",
        "content-type": "application/proto",
        "connect-protocol-version": "1",
      },
    });
  });

  test("a refusal is an answer, with its details", async () => {
    const details = [
      { type: "x.Y", value: "AA" },
      { type: "conclave.v1.ErrorInfo", value: base64(toBinary(ErrorInfoSchema, INFO)) },
    ];
    const error = { code: "not_found", message: "nobody is no candidate", details };
    const { transport } = answering("connect", Response.json(error, { status: 404 }));

    expect((await get(transport)).refusal).toMatchObject({
      code: "not_found",
      message: "nobody is no candidate",
      info: { reason: Reason.NOT_A_CANDIDATE, outcome: Outcome.NOT_APPLIED },
    });
  });

  test("what a proxy answers is a lost connection, also in JSON or with status 200", async () => {
    const answers = [
      new Response("bad gateway", { status: 502 }),
      Response.json({ error: "no upstream" }, { status: 503 }),
      Response.json(null, { status: 503 }),
      new Response("{", { status: 503, headers: { "content-type": "application/json" } }),
      new Response("<html>sign in</html>", typed("text/html")),
    ];
    for (const answer of answers) {
      const { transport } = answering("connect", answer);
      await expect(get(transport)).rejects.toThrow("not as a node");
    }
  });

  test.each([1, 3, 1_000])(
    "a stream is read whole in chunks of %i bytes, to its end",
    async (length) => {
      const message = envelopeOf(0, toBinary(ListenResponseSchema, TOLD));
      const end = envelopeOf(ENVELOPE_END, bytesOfText('{"error":{"code":"unavailable"}}'));
      const body = inChunks(length, message, message, end);
      const { transport } = answering(
        "connect",
        new Response(body, typed("application/connect+proto")),
      );

      const { refusal, told } = await listenTo(transport);

      expect(told).toEqual([TOLD, TOLD]);
      expect(refusal).toMatchObject({ code: "unavailable", message: "" });
    },
  );

  test("a stream that breaks off, without its last envelope, is a lost connection", async () => {
    const body = inChunks(100, envelopeOf(0, toBinary(ListenResponseSchema, TOLD)));
    const { transport } = answering(
      "connect",
      new Response(body, typed("application/connect+proto")),
    );

    await expect(listenTo(transport)).rejects.toThrow("broke the answer off");
  });

  test("a reader who throws ends the stream, and its body is let go of", async () => {
    let isCancelled = false;
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => {
        controller.enqueue(envelopeOf(0, toBinary(ListenResponseSchema, TOLD)));
      },
      cancel: () => {
        isCancelled = true;
      },
    });
    const { transport } = answering(
      "connect",
      new Response(body, typed("application/connect+proto")),
    );
    const call = {
      endpoint: ENDPOINT,
      method: SessionService.method.listen,
      message: create(ListenRequestSchema, {}),
      token: undefined,
    };

    const read = transport.call(call, () => {
      throw new Error("enough");
    });

    await expect(read).rejects.toThrow("enough");
    expect(isCancelled).toBe(true);
  });
});

describe("by gRPC-web", () => {
  const type = "application/grpc-web+proto";
  const trailers = (text: string): Uint8Array => envelopeOf(0x80, bytesOfText(text));

  test("a call is one message and an envelope of trailers", async () => {
    const body = inChunks(
      2,
      envelopeOf(0, toBinary(GetResponseSchema, ANSWER)),
      trailers("grpc-status: 0\r\n"),
    );
    const { transport, asked } = answering("grpc-web", new Response(body, typed(type)));

    const { refusal, answers } = await get(transport);

    expect(refusal).toBeUndefined();
    expect(answers).toEqual([ANSWER]);
    expect(asked[0]?.init).toMatchObject({ headers: { "content-type": type, "x-grpc-web": "1" } });
    expect(asked[0]?.init.body).toEqual(new Uint8Array(5));
  });

  test("a refusal in the trailers has its message unescaped and its details found", async () => {
    const text = `grpc-status: 5\r\nGrpc-Message: nobody%3A no candidate\r\ngrpc-status-details-bin: ${statusWithInfo()}\r\n`;
    const { transport } = answering(
      "grpc-web",
      new Response(inChunks(7, trailers(text)), typed(type)),
    );

    expect((await get(transport)).refusal).toMatchObject({
      code: "not_found",
      message: "nobody: no candidate",
      info: { reason: Reason.NOT_A_CANDIDATE, outcome: Outcome.NOT_APPLIED },
    });
  });

  test("a refusal in the headers, without any message, is one, too", async () => {
    const headers = { "content-type": type, "grpc-status": "16", "grpc-message": "100% no" };
    const { transport } = answering("grpc-web", new Response(null, { headers }));

    expect((await get(transport)).refusal).toMatchObject({
      code: "unauthenticated",
      message: "100% no",
    });
  });

  test("an answer without trailers, and that of a proxy, are lost connections", async () => {
    const cut = inChunks(100, envelopeOf(0, toBinary(ListenResponseSchema, TOLD)));
    const answers = [
      new Response(cut, typed(type)),
      new Response("bad gateway", { status: 502 }),
      new Response("", typed("text/html")),
    ];
    for (const answer of answers) {
      const { transport } = answering("grpc-web", answer);
      await expect(listenTo(transport)).rejects.toThrow();
    }
  });
});
