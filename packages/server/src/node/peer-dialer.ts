// SPDX-License-Identifier: Apache-2.0
/**
 * Reaches other nodes over HTTP/2, in clear text or TLS, each stream on a connection of its own: a
 * snapshot on its way does not stand before a heartbeat, and nothing of a broken connection is used
 * again.
 *
 * No PINGs: the mesh asks for an answer of the other node itself, which says more.
 */

import { type ExchangeRequest, type ExchangeResponse, PeerService } from "@conclave/api/peer";
import { type Client, createClient } from "@connectrpc/connect";
import { createConnectTransport, Http2SessionManager } from "@connectrpc/connect-node";
import type { PeerDialer, PeerIntroducer } from "../peer/peer-dialer.ts";
import { introductionOf, joinMessageOf, joinOutcomeOf } from "../wire/introduction.ts";
import { isMalformed } from "../wire/malformed.ts";
import { PEER_FRAME_BYTES_MAX } from "./peer-service.ts";

export interface PeerTls {
  /** PEM, of whoever signed the certificates of the other nodes. Default: what Node trusts. */
  readonly ca?: string;
  /** False takes any certificate. Default true. */
  readonly rejectUnauthorized?: boolean;
}

/** What a peer may answer before it is read. */
const STREAM_WINDOW_BYTES = 1024 * 1024;

/** @param tls for nodes whose ports speak TLS. */
export function createPeerDialer(tls?: PeerTls): PeerDialer & PeerIntroducer {
  return {
    exchange: (address, requests, signal) => exchange(address, tls, requests, signal),
    introduce: (address, timeoutMs) =>
      ask(address, tls, async (client) => {
        const introduction = introductionOf(await client.introduce({}, { timeoutMs }));
        return isMalformed(introduction) ? undefined : introduction;
      }),
    join: (address, request, timeoutMs) =>
      ask(address, tls, async (client) => {
        const outcome = joinOutcomeOf(await client.join(joinMessageOf(request), { timeoutMs }));
        return isMalformed(outcome) ? undefined : outcome;
      }),
  };
}

interface Connection {
  readonly manager: Http2SessionManager;
  readonly client: Client<typeof PeerService>;
}

function connect(address: string, tls: PeerTls | undefined): Connection {
  const baseUrl = `${tls === undefined ? "http" : "https"}://${address}`;
  const settings = { initialWindowSize: STREAM_WINDOW_BYTES };
  const manager = new Http2SessionManager(baseUrl, {}, { ...tls, settings });
  const transport = createConnectTransport({
    baseUrl,
    httpVersion: "2",
    sessionManager: manager,
    readMaxBytes: PEER_FRAME_BYTES_MAX,
    // What travels is small or random, and the way is short.
    acceptCompression: [],
  });
  return { manager, client: createClient(PeerService, transport) };
}

async function* exchange(
  address: string,
  tls: PeerTls | undefined,
  requests: AsyncIterable<ExchangeRequest>,
  signal: AbortSignal,
): AsyncGenerator<ExchangeResponse> {
  const { manager, client } = connect(address, tls);
  try {
    yield* client.exchange(requests, { signal });
  } finally {
    manager.abort();
  }
}

async function ask<Answer>(
  address: string,
  tls: PeerTls | undefined,
  question: (client: Client<typeof PeerService>) => Promise<Answer | undefined>,
): Promise<Answer | undefined> {
  let connection: Connection | undefined;
  try {
    connection = connect(address, tls);
    return await question(connection.client);
  } catch {
    // No address, nobody there, or nobody who knows the question; whoever asks says which node it was.
    return undefined;
  } finally {
    connection?.manager.abort();
  }
}
