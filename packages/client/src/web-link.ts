// SPDX-License-Identifier: Apache-2.0
/**
 * The link of pages, and of whatever has fetch and nothing more: attachments over unary calls and one
 * stream of answers for each endpoint.
 *
 * It decides when anything may leave at all: not while the page is hidden away or the machine offline.
 * Only the end of a session leaves always, at once, and outlives the page.
 */

import { SessionService } from "@conclave/api";
import type { Clock, Prng } from "@conclave/base";
import { ElectionError } from "./error.ts";
import type { Link } from "./link.ts";
import { WebEndpoint, type WebEndpointContext } from "./web-link-endpoint.ts";
import { WebTokens } from "./web-link-token.ts";
import { createWebTransport } from "./web-transport.ts";

/** Whether the machine has a network, as far as its browser knows. */
export interface Online {
  isOnline(): boolean;
  /** Tells the listener whenever it has one again, until the function that it returns is called. */
  onOnline(listener: () => void): () => void;
}

export interface WebLinkOptions {
  readonly protocol: "connect" | "grpc-web";
  /** Asked for a token before each dial, and before calls when the last one is older than 30 s. */
  readonly token: (() => Promise<string>) | undefined;
  readonly fetch: typeof globalThis.fetch;
  readonly clock: Clock;
  readonly prng: Prng;
  readonly online: Online;
  /** Aborted after so long, whatever has become of the client and its clock by then. */
  readonly timeout: (ms: number) => AbortSignal;
  /** Told of what an operator should change. */
  readonly warn: (message: string) => void;
}

export interface WebLink extends Link {
  /** The page goes, perhaps for good: nothing leaves any more but the ends of sessions. */
  hide(): void;
  /** It is back. */
  show(): void;
}

const PROBE = { credentials: "omit", cache: "no-store" } as const;

/** For what no attachment waits for, and gives up: far beyond a fail-over, after which a session ends by its TTL. */
const UNATTENDED_MS = 10_000;

/** Pages of one office do not come back at the same instant. */
const ONLINE_JITTER_MS = 500;

export function createWebLink(options: WebLinkOptions): WebLink {
  const { clock, prng, online, warn, fetch } = options;
  const limit = (): AbortSignal => options.timeout(UNATTENDED_MS);
  const endpoints = new Map<string, WebEndpoint>();
  let isHidden = false;
  /** Offline, or back for so short a time that its turn has not come. */
  let isAway = !online.isOnline();
  let cancelWake = (): void => {};
  const context: WebEndpointContext = {
    transport: createWebTransport(options.protocol, fetch),
    tokens: new WebTokens(options.token, clock),
    clock,
    prng,
    warn,
    mayDial: () => {
      isAway ||= !online.isOnline();
      return !isHidden && !isAway;
    },
    explain: (endpoint, cause) => explained(fetch, limit, endpoint, cause),
    probe: (endpoint) => probed(fetch, limit, endpoint),
    limit,
  };
  const wake = (): void => {
    for (const endpoint of endpoints.values()) endpoint.wake();
  };
  const unlisten = online.onOnline(() => {
    cancelWake();
    cancelWake = clock.setTimer(prng.below(ONLINE_JITTER_MS), () => {
      isAway = !online.isOnline();
      wake();
    });
  });
  const endAll = (cause: ElectionError): void => {
    for (const endpoint of endpoints.values()) endpoint.end(cause);
  };
  return {
    startsNoGrace: true,
    attach(url, listener) {
      let endpoint = endpoints.get(url);
      if (endpoint === undefined) {
        endpoint = new WebEndpoint(url.replace(/\/$/, ""), context);
        endpoints.set(url, endpoint);
      }
      return endpoint.attach(listener);
    },
    hide() {
      isHidden = true;
      endAll(new ElectionError("NO_QUORUM", "the page was put away", { retryable: true }));
    },
    show() {
      isHidden = false;
      wake();
    },
    close() {
      unlisten();
      cancelWake();
      endAll(new ElectionError("CLOSED", "the client was closed", { outcome: "not-applied" }));
    },
  };
}

/**
 * A browser does not say why a page may not speak to another origin. But it sends what asks for no
 * answer: where that arrives, and what does ask fails once more, somebody is there, and it is the page
 * that is not let in. Once more, since the first failure may have been a network that changed.
 */
async function explained(
  fetch: typeof globalThis.fetch,
  limit: () => AbortSignal,
  endpoint: string,
  cause: unknown,
): Promise<unknown> {
  const { origin } = globalThis.location ?? {};
  if (!(cause instanceof TypeError) || origin === undefined) return cause;
  try {
    if (origin === new URL(endpoint).origin) return cause;
    await probed(fetch, limit, endpoint);
  } catch {
    return cause;
  }
  try {
    // A service and none of its methods: nothing is carried out, and who is let in may read that.
    const headers = { "content-type": "application/proto" };
    const init = { ...PROBE, method: "POST", headers, signal: limit() };
    await fetch(`${endpoint}/${SessionService.typeName}`, init);
    return cause;
  } catch (error) {
    // What has not come is no refusal.
    if (!(error instanceof TypeError)) return cause;
    return new ElectionError(
      "DENIED",
      `${endpoint} answers but does not allow pages of ${origin}; allow it at each node with --cors-origin ${origin}`,
      { outcome: "not-applied", cause },
    );
  }
}

async function probed(
  fetch: typeof globalThis.fetch,
  limit: () => AbortSignal,
  endpoint: string,
): Promise<void> {
  const init = { ...PROBE, mode: "no-cors", signal: limit() } as const;
  const response = await fetch(`${endpoint}/healthz`, init);
  // Some runtimes keep the connection for who has not read to the end.
  await response.text();
}
