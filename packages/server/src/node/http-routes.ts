// SPDX-License-Identifier: Apache-2.0
/**
 * What the port answers besides services: `/healthz`, `/readyz`, `/metrics`, and browsers'
 * questions about other origins. Anything else is 404.
 */

import { cors } from "@connectrpc/connect";
import type { PortHandler, PortRequest, PortResponse } from "./connections.ts";
import type { Metrics } from "./metrics.ts";
import type { Readiness } from "./readiness.ts";
import { pathOf, type RpcHandler } from "./rpc-handler.ts";

export interface HttpRoutesOptions {
  readonly rpc: RpcHandler;
  readonly readiness: Readiness;
  readonly metrics: Pick<Metrics, "page" | "contentType">;
  /** Origins, for instance `https://ops.example.org`, whose pages may call. Empty: none but our own. */
  readonly corsOrigins: readonly string[];
}

/** How long a browser may remember a preflight's answer: 2 h, the most that Chromium keeps. */
const PREFLIGHT_SECONDS = 7_200;

/** What S2 and S3 are told in metadata, and what S2 tells there. */
const ALLOWED_HEADERS = [...cors.allowedHeaders, "application-id", "primitive-id", "session-id"];
const EXPOSED_HEADERS = [...cors.exposedHeaders, "conclave-term"];

export function createHttpRoutes(options: HttpRoutesOptions): PortHandler {
  const origins = new Set(options.corsOrigins);
  return (request, response) => {
    if (origins.size > 0) {
      allowOrigin(origins, request, response);
      if (request.method === "OPTIONS") return answerPreflight(response);
    }
    if (options.rpc(request, response)) return;
    switch (pathOf(request)) {
      case "/healthz":
        return answerText(request, response, 200, "ok\n");
      case "/readyz":
        return answerReadiness(request, response, options.readiness);
      case "/metrics":
        return void answerMetrics(request, response, options.metrics);
      default:
        return answerText(request, response, 404, "not found\n");
    }
  };
}

function allowOrigin(
  origins: ReadonlySet<string>,
  request: PortRequest,
  response: PortResponse,
): void {
  // Said to everyone, or a cache would give one origin's answer to another.
  response.setHeader("Vary", "Origin");
  const origin = request.headers.origin;
  if (origin === undefined || !origins.has(origin)) return;
  response.setHeader("Access-Control-Allow-Origin", origin);
  response.setHeader("Access-Control-Expose-Headers", EXPOSED_HEADERS.join(", "));
  if (request.method !== "OPTIONS") return;
  response.setHeader("Access-Control-Allow-Methods", cors.allowedMethods.join(", "));
  response.setHeader("Access-Control-Allow-Headers", ALLOWED_HEADERS.join(", "));
  response.setHeader("Access-Control-Max-Age", String(PREFLIGHT_SECONDS));
}

/** 204 to every origin; one that is not allowed finds no headers in it and its browser refuses. */
function answerPreflight(response: PortResponse): void {
  response.writeHead(204);
  response.end();
}

function answerReadiness(request: PortRequest, response: PortResponse, readiness: Readiness): void {
  if (readiness.isReady()) {
    answerText(request, response, 200, "ready\n");
    return;
  }
  const lines = readiness.obstacles().map((line) => `${line}\n`);
  if (readiness.isShuttingDown) lines.unshift("shutting down\n");
  answerText(request, response, 503, lines.join(""));
}

async function answerMetrics(
  request: PortRequest,
  response: PortResponse,
  metrics: HttpRoutesOptions["metrics"],
): Promise<void> {
  answerText(request, response, 200, await metrics.page(), metrics.contentType);
}

function answerText(
  request: PortRequest,
  response: PortResponse,
  status: number,
  text: string,
  contentType = "text/plain; charset=utf-8",
): void {
  if (request.method !== "GET" && request.method !== "HEAD" && status === 200) {
    response.setHeader("Allow", "GET, HEAD");
    answerText(request, response, 405, "use GET\n");
    return;
  }
  response.setHeader("Content-Type", contentType);
  response.setHeader("Cache-Control", "no-store");
  response.writeHead(status);
  if (request.method === "HEAD") response.end();
  else response.end(text);
}
