// SPDX-License-Identifier: Apache-2.0
/**
 * Reaches other nodes over HTTP/2, in clear text or TLS, each stream on a connection of its own: a
 * snapshot on its way does not stand before a heartbeat, and nothing of a broken connection is used
 * again.
 *
 * No PINGs: the mesh asks for an answer of the other node itself, which says more.
 */

import {
  type ExchangeRequest,
  ExchangeRequestSchema,
  type ExchangeResponse,
  ExchangeResponseSchema,
  PeerService,
} from "@conclave/api/peer";
import { type Client, createClient } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import type { PeerDialer, PeerIntroducer } from "../peer/peer-dialer.ts";
import { introductionOf, joinMessageOf, joinOutcomeOf } from "../wire/introduction.ts";
import { isMalformed } from "../wire/malformed.ts";
import { framesOf, sendFrames } from "./frame-stream.ts";
import { PeerConnection, type PeerTls } from "./peer-connection.ts";
import { PEER_FRAME_BYTES_MAX } from "./peer-service.ts";
import { plainRequest } from "./plain-stream.ts";

const EXCHANGE = plainRequest(PeerService.method.exchange);
const RESPONSES = {
  schema: ExchangeResponseSchema,
  bytesMax: PEER_FRAME_BYTES_MAX,
  isAnswer: true,
};

/**
 * @param tls for nodes whose ports speak TLS.
 * @param route where an address is dialled; default: there itself.
 */
export function createPeerDialer(
  tls?: PeerTls,
  route: (address: string) => string = (address) => address,
): PeerDialer & PeerIntroducer {
  return {
    exchange: (address, requests, signal) => exchange(route(address), tls, requests, signal),
    introduce: (address, timeoutMs, signal) =>
      ask(route(address), tls, async (client) => {
        const introduction = introductionOf(await client.introduce({}, { timeoutMs, signal }));
        return isMalformed(introduction) ? undefined : introduction;
      }),
    join: (address, request, timeoutMs, signal) =>
      ask(route(address), tls, async (client) => {
        const outcome = joinOutcomeOf(
          await client.join(joinMessageOf(request), { timeoutMs, signal }),
        );
        return isMalformed(outcome) ? undefined : outcome;
      }),
  };
}

interface Reached {
  readonly connection: PeerConnection;
  readonly client: Client<typeof PeerService>;
}

function reach(address: string, tls: PeerTls | undefined): Reached {
  const baseUrl = urlOf(address, tls);
  const connection = new PeerConnection(baseUrl, tls);
  const transport = createConnectTransport({
    baseUrl,
    httpVersion: "2",
    sessionManager: connection,
    readMaxBytes: PEER_FRAME_BYTES_MAX,
    // What travels is small or random, and the way is short.
    acceptCompression: [],
  });
  return { connection, client: createClient(PeerService, transport) };
}

async function* exchange(
  address: string,
  tls: PeerTls | undefined,
  requests: AsyncIterable<ExchangeRequest>,
  signal: AbortSignal,
): AsyncGenerator<ExchangeResponse> {
  const connection = new PeerConnection(urlOf(address, tls), tls);
  const cut = (): void => connection.destroy();
  signal.addEventListener("abort", cut);
  try {
    signal.throwIfAborted();
    const stream = connection.open(EXCHANGE);
    const responses = framesOf(stream, RESPONSES);
    void sendFrames(stream, ExchangeRequestSchema, requests);
    yield* responses;
  } finally {
    signal.removeEventListener("abort", cut);
    connection.destroy();
  }
}

function urlOf(address: string, tls: PeerTls | undefined): string {
  return `${tls === undefined ? "http" : "https"}://${address}`;
}

async function ask<Answer>(
  address: string,
  tls: PeerTls | undefined,
  question: (client: Client<typeof PeerService>) => Promise<Answer | undefined>,
): Promise<Answer | undefined> {
  let reached: Reached | undefined;
  try {
    reached = reach(address, tls);
    return await question(reached.client);
  } catch {
    // No address, nobody there, or nobody who knows the question; whoever asks says which node it was.
    return undefined;
  } finally {
    reached?.connection.destroy();
  }
}
