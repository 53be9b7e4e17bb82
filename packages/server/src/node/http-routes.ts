// SPDX-License-Identifier: Apache-2.0
/**
 * What the port answers: `/healthz`, `/readyz` and `/metrics` to anybody, the console's files, and to
 * whoever may call the services. Anything else is 404.
 */

import type { PortHandler, PortRequest, PortResponse } from "./connections.ts";
import { answerConsole, type ConsoleFiles } from "./console-files.ts";
import type { Metrics } from "./metrics.ts";
import type { OriginPolicy } from "./origin-policy.ts";
import type { Readiness } from "./readiness.ts";
import { pathOf, type RpcHandler } from "./rpc-handler.ts";

export interface HttpRoutesOptions {
  readonly rpc: RpcHandler;
  readonly readiness: Readiness;
  readonly metrics: Pick<Metrics, "page" | "contentType">;
  readonly origins: OriginPolicy;
  readonly consoleFiles: ConsoleFiles;
}

export function createHttpRoutes(options: HttpRoutesOptions): PortHandler {
  return (request, response) => {
    response.setHeader("X-Content-Type-Options", "nosniff");
    const path = pathOf(request);
    switch (path) {
      case "/healthz":
        return answerText(request, response, 200, "ok\n");
      case "/readyz":
        return answerReadiness(request, response, options.readiness);
      case "/metrics":
        return void answerMetrics(request, response, options.metrics);
    }
    if (answerConsole(options.consoleFiles, path, request, response)) return;
    const refusal = options.origins.judge(request, response);
    if (refusal !== undefined) {
      request.resume();
      return answerText(request, response, 403, `${refusal}\n`);
    }
    if (request.method === "OPTIONS") return answerPreflight(response);
    if (options.rpc(request, response)) return;
    const isRoot = path === "/" && options.consoleFiles.size === 0;
    answerText(request, response, 404, isRoot ? NO_CONSOLE : "not found\n");
  };
}

const NO_CONSOLE = "this node serves no console\n";

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
