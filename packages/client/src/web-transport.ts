// SPDX-License-Identifier: Apache-2.0
/**
 * Calls over fetch: one message out, one or many back, by the Connect protocol or by gRPC-web, binary.
 *
 * By hand, since the general transports weigh more than all the rest of a page's client (decision
 * 0016). It knows no session and repeats nothing. A refusal by the server is an answer; anything that
 * stands between, or breaks, is a lost connection and is thrown.
 */

import {
  type DescMessage,
  type DescMethodServerStreaming,
  type DescMethodUnary,
  fromBinary,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";
import type { FrameError } from "@conclave/api";
import { ENVELOPE_COMPRESSED, EnvelopeReader, envelopeOf } from "@conclave/api/envelope";
import { ElectionError } from "./error.ts";
import { connectProtocol } from "./web-connect.ts";
import { grpcWebProtocol } from "./web-grpc.ts";
import type { WebProtocol } from "./web-transport-protocol.ts";

/** The server's frames are at most this long (design section 4: 1 MiB and its framing). */
const MESSAGE_BYTES_MAX = 4 * 1024 * 1024;

interface WebCall<I extends DescMessage, O extends DescMessage> {
  /** A URL of the node, without a slash at its end. */
  readonly endpoint: string;
  readonly method: DescMethodUnary<I, O> | DescMethodServerStreaming<I, O>;
  readonly message: MessageShape<I>;
  readonly token: string | undefined;
  readonly signal?: AbortSignal;
  /** It outlives the page. */
  readonly keepalive?: boolean;
}

export interface WebTransport {
  /**
   * Gives every message of the answer to `take`, whose throwing ends the call. Resolves to the server's
   * refusal, if it refused.
   *
   * @throws what fetch threw, or an Error that says what was met instead of the server.
   */
  call<I extends DescMessage, O extends DescMessage>(
    call: WebCall<I, O>,
    take: (message: MessageShape<O>) => void,
  ): Promise<FrameError | undefined>;
}

export function createWebTransport(
  kind: "connect" | "grpc-web",
  fetch: typeof globalThis.fetch,
): WebTransport {
  const protocol = kind === "connect" ? connectProtocol : grpcWebProtocol;
  return {
    async call({ endpoint, method, message, token, signal, keepalive = false }, take) {
      const isStream = method.methodKind === "server_streaming";
      const isEnveloped = protocol.isEnveloped(isStream);
      const contentType = protocol.contentType(isStream);
      const bytes = toBinary(method.input, message);
      const response = await fetch(`${endpoint}/${method.parent.typeName}/${method.name}`, {
        method: "POST",
        headers: {
          "content-type": contentType,
          ...protocol.headers,
          ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        },
        body: (isEnveloped ? envelopeOf(0, bytes) : bytes) as Uint8Array<ArrayBuffer>,
        credentials: "omit",
        cache: "no-store",
        keepalive,
        signal: signal ?? null,
      });
      const refusal = await protocol.refusal(response);
      if (refusal !== undefined) return refusal;
      const isOurs = response.headers.get("content-type")?.startsWith(contentType) === true;
      if (!response.ok || !isOurs) {
        // It fails where the body has been read.
        response.body?.cancel().catch(() => {});
        throw new Error(`${endpoint} answers with HTTP status ${response.status}, not as a node`);
      }
      const read = (bytes: Uint8Array): void => take(fromBinary(method.output, bytes));
      if (isEnveloped) return readEnvelopes(protocol, response, read);
      read(new Uint8Array(await response.arrayBuffer()));
      return undefined;
    },
  };
}

/** Makes a unary call: resolves to its one answer, or to the server's refusal. */
export async function oneAnswer<I extends DescMessage, O extends DescMessage>(
  transport: WebTransport,
  call: WebCall<I, O>,
): Promise<MessageShape<O> | FrameError> {
  const answers: MessageShape<O>[] = [];
  const refusal = await transport.call(call, (answer) => answers.push(answer));
  const [answer] = answers;
  if (refusal !== undefined) return refusal;
  if (answer === undefined) throw new ElectionError("INTERNAL", "the answer is empty");
  return answer;
}

async function readEnvelopes(
  protocol: WebProtocol,
  response: Response,
  read: (message: Uint8Array) => void,
): Promise<FrameError | undefined> {
  let isEnded = false;
  let refusal: FrameError | undefined;
  const envelopes = new EnvelopeReader(MESSAGE_BYTES_MAX, (flags, message) => {
    if ((flags & ENVELOPE_COMPRESSED) !== 0) throw new Error("compression was not asked for");
    isEnded = (flags & protocol.endFlag) !== 0;
    if (isEnded) refusal = protocol.end(message);
    else read(message);
    return !isEnded;
  });
  const reader = response.body?.getReader();
  try {
    while (!isEnded) {
      const chunk = await reader?.read();
      if (chunk?.value === undefined) throw new Error("the server broke the answer off");
      const bytes = envelopes.read(chunk.value);
      if (bytes !== undefined) throw new Error(`a message of ${bytes} bytes is too long`);
    }
  } finally {
    // Also of what is left unread; that this fails where the connection has is no news.
    reader?.cancel().catch(() => {});
  }
  return refusal;
}
