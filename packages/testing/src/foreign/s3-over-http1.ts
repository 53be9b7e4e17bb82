// SPDX-License-Identifier: Apache-2.0
/**
 * S3 as a page or a script speaks it, by plain fetch on HTTP/1.1, in Connect or in gRPC-web. There a
 * connection is no session: one that was opened natively is named by `session-id`.
 */

import { setTimeout as delay } from "node:timers/promises";
import type { Dialect, DialectClient, OpenOptions, Seen, SteerVerb } from "./dialect-client.ts";
import { openNativeSession } from "./native-calls.ts";
import { methodsOf } from "./protos.ts";

/** How one of the two protocols puts messages into HTTP. */
interface Http1Protocol {
  readonly name: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly streamHeaders: Readonly<Record<string, string>>;
  /** Whether a unary request, and its answer, are bare messages. */
  readonly isUnaryBare: boolean;
  encode(method: string, request: object): Uint8Array;
  decode(method: string, bytes: Buffer): object;
  /** What an envelope that is no message says. @throws unless it says that all went well */
  readEnd(bytes: Buffer): void;
}

const SERVICE = "atomix.runtime.election.v1.LeaderElection";
/** Set in the envelope of Connect's last message, and in that of gRPC-web's trailers. */
const CONNECT_END = 2;
const WEB_TRAILERS = 128;

const connect: Http1Protocol = {
  name: "S3 in Connect",
  headers: { "content-type": "application/json", "connect-protocol-version": "1" },
  streamHeaders: { "content-type": "application/connect+json", "connect-protocol-version": "1" },
  isUnaryBare: true,
  encode: (_method, request) => Buffer.from(JSON.stringify(request)),
  decode: (_method, bytes) => JSON.parse(bytes.toString()) as object,
  readEnd(bytes) {
    const { error } = JSON.parse(bytes.toString()) as {
      readonly error?: { readonly code: string };
    };
    if (error !== undefined) throw new HttpFailure(error.code, bytes.toString());
  },
};

const grpcWeb: Http1Protocol = {
  name: "S3 in gRPC-web",
  headers: { "content-type": "application/grpc-web+proto", "x-grpc-web": "1" },
  streamHeaders: { "content-type": "application/grpc-web+proto", "x-grpc-web": "1" },
  isUnaryBare: false,
  encode: (method, request) => methodOf(method).requestSerialize(request),
  decode: (method, bytes) => methodOf(method).responseDeserialize(bytes),
  readEnd: (bytes) => throwUnlessZero(/grpc-status: ?(\d+)/i.exec(bytes.toString())?.[1]),
};

export const connectDialect: Dialect = dialectIn(connect);
export const grpcWebDialect: Dialect = dialectIn(grpcWeb);

/** A call that failed, with the code's name as Connect has it. */
class HttpFailure extends Error {
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

/** One unary call of S3, in Connect, with or without a session. @throws HttpFailure */
export function callInConnect(
  endpoint: string,
  method: string,
  request: object,
  session?: string,
): Promise<object> {
  return callOnce(connect, endpoint, method, request, session);
}

function dialectIn(protocol: Http1Protocol): Dialect {
  return {
    name: protocol.name,
    isLeaderFirst: false,
    hasTermInEvents: true,
    open: (options) => openHttp1(protocol, options),
  };
}

interface S3Message {
  readonly term?: {
    readonly term?: string;
    readonly leader?: string;
    readonly candidates?: readonly string[];
  };
}

async function openHttp1(
  protocol: Http1Protocol,
  { endpoint: endpoints, primitive, candidate }: OpenOptions,
): Promise<DialectClient> {
  const endpoint = [endpoints].flat()[0]!;
  const session = await openNativeSession(endpoint);
  const id = { name: primitive };
  const stopped = new AbortController();
  const call = async (method: string, request: object): Promise<S3Message> => {
    for (;;) {
      try {
        return await callOnce(protocol, endpoint, method, { id, ...request }, session);
      } catch (thrown) {
        if (!(thrown instanceof HttpFailure) || thrown.code !== "unavailable") throw thrown;
      }
      await delay(50);
    }
  };
  const ask = async (method: string, request: object): Promise<Seen> =>
    seenOf(await call(method, request));
  return {
    create: async () => void (await call("Create", {})),
    close: async () => void (await call("Close", {})),
    delete: () => Promise.reject(new Error("S3 has no delete")),
    async watch() {
      // Its headers come with its first message: there is none before somebody has led.
      const response = fetch(`${endpoint}/${SERVICE}/Watch`, {
        method: "POST",
        headers: { ...protocol.streamHeaders, "session-id": session },
        body: enveloped(protocol.encode("Watch", { id })),
        signal: stopped.signal,
      });
      const messages = response.then((answer) => messagesOf(protocol, "Watch", answer));
      // Whoever reads is told of a failure; nobody may.
      messages.catch(() => {});
      return {
        async next() {
          const { value } = await (await messages).next();
          if (value === undefined) throw new Error("the stream has ended");
          return seenOf(value);
        },
      };
    },
    get: () => ask("GetTerm", {}),
    enter: () => ask("Enter", { candidate }),
    steer: (verb, other) => ask(METHODS[verb], { candidate: other }),
    keepAlive: () => Promise.resolve(),
    async quit() {
      stopped.abort();
    },
  };
}

const METHODS: Readonly<Record<SteerVerb, string>> = {
  withdraw: "Withdraw",
  anoint: "Anoint",
  promote: "Promote",
  demote: "Demote",
  evict: "Evict",
};

function seenOf({ term: { term = "0", leader = "", candidates = [] } = {} }: S3Message): Seen {
  return { term: BigInt(term), leader, list: candidates };
}

async function callOnce(
  protocol: Http1Protocol,
  endpoint: string,
  method: string,
  request: object,
  session: string | undefined,
): Promise<object> {
  const message = protocol.encode(method, request);
  const response = await fetch(`${endpoint}/${SERVICE}/${method}`, {
    method: "POST",
    headers: { ...protocol.headers, ...(session === undefined ? {} : { "session-id": session }) },
    body: protocol.isUnaryBare ? new Uint8Array(message) : enveloped(message),
  });
  if (!protocol.isUnaryBare) {
    const { value } = await messagesOf(protocol, method, response).next();
    if (value === undefined) throw new Error(`${method}: no answer`);
    return value;
  }
  const bytes = Buffer.from(await response.arrayBuffer());
  const answer = protocol.decode(method, bytes);
  if (response.ok) return answer;
  const { code = "unknown", message: why = "" } = answer as Partial<HttpFailure>;
  throw new HttpFailure(code, why);
}

/** The messages of an answer as they come, each in an envelope of five bytes. */
async function* messagesOf(
  protocol: Http1Protocol,
  method: string,
  response: Response,
): AsyncGenerator<object, undefined> {
  // An answer of gRPC-web that is nothing but a failure has it in its headers.
  throwUnlessZero(response.headers.get("grpc-status") ?? "0");
  if (!response.ok || response.body === null) throw new Error(`${method}: ${response.status}`);
  let bytes: Buffer = Buffer.alloc(0);
  for await (const piece of response.body) {
    bytes = Buffer.concat([bytes, piece]);
    while (bytes.length >= 5 && bytes.length >= 5 + bytes.readUInt32BE(1)) {
      const [flags, length] = [bytes[0]!, bytes.readUInt32BE(1)];
      const content = bytes.subarray(5, 5 + length);
      bytes = bytes.subarray(5 + length);
      if ((flags & (CONNECT_END | WEB_TRAILERS)) !== 0) protocol.readEnd(content);
      else yield protocol.decode(method, content);
    }
  }
  return undefined;
}

function enveloped(message: Uint8Array): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(5 + message.length);
  new DataView(bytes.buffer).setUint32(1, message.length);
  bytes.set(message, 5);
  return bytes;
}

function methodOf(method: string) {
  return methodsOf("s3").get(`/${SERVICE}/${method}`)!;
}

const UNAVAILABLE = "14";

function throwUnlessZero(status: string | undefined): void {
  if (status === "0") return;
  const code = status === UNAVAILABLE ? "unavailable" : `status ${status}`;
  throw new HttpFailure(code, `grpc-status ${status}`);
}
