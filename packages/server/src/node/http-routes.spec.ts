// SPDX-License-Identifier: Apache-2.0
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Health } from "@conclave/api/grpc";
import { Code, createClient } from "@connectrpc/connect";
import {
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
} from "@connectrpc/connect-node";
import { afterEach, expect, test } from "vitest";
import { createConnections } from "./connections.ts";
import { type ConsoleFiles, readConsoleFiles } from "./console-files.ts";
import { type FrontPort, openFrontPort } from "./front-port.ts";
import { registerHealth } from "./health-service.ts";
import { createHttpRoutes } from "./http-routes.ts";
import { createOriginPolicy } from "./origin-policy.ts";
import { createReadiness } from "./readiness.ts";
import { createRpcHandler } from "./rpc-handler.ts";
import { systemClock } from "./system-clock.ts";

const metrics = { page: async () => "a 1\n", contentType: "text/plain; version=0.0.4" };
const opened: FrontPort[] = [];

afterEach(async () => {
  await Promise.all(opened.splice(0).map((port) => port.close(0)));
});

async function open(obstacles: readonly string[], consoleFiles: ConsoleFiles = new Map()) {
  const readiness = createReadiness(() => obstacles);
  const connections = createConnections();
  const rpc = createRpcHandler({
    connections,
    clock: systemClock,
    routes: (router, registered) => registerHealth(router, readiness, registered.isRegistered),
  });
  const origins = createOriginPolicy({ scheme: "http", ownNames: [], corsOrigins: [] });
  const handler = createHttpRoutes({ rpc, readiness, metrics, origins, consoleFiles });
  const address = { host: "127.0.0.1", port: 0 };
  const outcome = await openFrontPort({ ...address, clock: systemClock, connections, handler });
  if (outcome.kind !== "open") throw new Error(outcome.detail);
  opened.push(outcome.port);
  return { url: outcome.port.url, readiness };
}

const ask = async (url: string, init?: RequestInit): Promise<string> => {
  const answer = await fetch(url, init);
  return `${answer.status} ${await answer.text()}`;
};

const check = "/grpc.health.v1.Health/Check";

/** A console of one page. */
async function consoleOf(page: string): Promise<ConsoleFiles> {
  const folder = await mkdtemp(join(tmpdir(), "conclave-routes-"));
  try {
    await writeFile(join(folder, "index.html"), page);
    return await readConsoleFiles(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}

test("/healthz answers while the process runs, leaders or not", async () => {
  const { url } = await open(["partition 1: no leader"]);
  expect(await ask(`${url}/healthz`)).toBe("200 ok\n");
});

test("/readyz answers 200 once nothing is in the way", async () => {
  const { url } = await open([]);
  expect(await ask(`${url}/readyz`)).toBe("200 ready\n");
});

test("/readyz answers 503 and names what is in the way", async () => {
  const { url } = await open(["partition 2: no leader", "partition 7: no leader"]);
  const expected = "503 partition 2: no leader\npartition 7: no leader\n";
  expect(await ask(`${url}/readyz?verbose`)).toBe(expected);
});

test("/readyz answers 503 as soon as a shutdown begins", async () => {
  const { url, readiness } = await open([]);
  readiness.shutDown();
  expect(await ask(`${url}/readyz`)).toBe("503 shutting down\n");
});

test.each(["/metrics/", "/healthz/", "/no.Such/Method"])("%s is not found", async (path) => {
  const { url } = await open([]);
  expect(await ask(`${url}${path}`)).toBe("404 not found\n");
});

test("/metrics answers the page of the metrics, under its own type", async () => {
  const { url } = await open(["partition 1: no leader"]);
  const answer = await fetch(`${url}/metrics`);
  expect([answer.status, await answer.text()]).toEqual([200, "a 1\n"]);
  expect(answer.headers.get("Content-Type")).toBe("text/plain; version=0.0.4");
});

test("the probes are for reading", async () => {
  const { url } = await open([]);
  expect(await ask(`${url}/healthz`, { method: "POST" })).toBe("405 use GET\n");
  expect(await ask(`${url}/readyz`, { method: "HEAD" })).toBe("200 ");
});

test("the root says in words that there is no console", async () => {
  const { url } = await open([]);
  expect(await ask(`${url}/`)).toBe("404 this node serves no console\n");
});

test("a console is served before the node is ready", async () => {
  const { url } = await open(["partition 1: no leader"], await consoleOf("<p>console</p>"));
  expect(await ask(`${url}/`)).toBe("200 <p>console</p>");
  expect(await ask(`${url}/assets/`)).toBe("404 not found\n");
});

test.each(["/", "/healthz", "/readyz", "/metrics", "/no", check])(
  "nobody guesses what type the answer of %s has",
  async (path) => {
    const { url } = await open([], await consoleOf("<p>console</p>"));
    const answer = await fetch(`${url}${path}`);
    expect(answer.headers.get("X-Content-Type-Options")).toBe("nosniff");
    expect(answer.headers.get("Set-Cookie")).toBeNull();
  },
);

const transports = { createConnectTransport, createGrpcTransport, createGrpcWebTransport };

test.each(Object.entries(transports))(
  "a call of a page that may not is PERMISSION_DENIED to its client, by %s",
  async (_, create) => {
    const { url } = await open([]);
    const transport = create({ baseUrl: url, httpVersion: "2" });
    const health = createClient(Health, transport);
    const call = health.check({}, { headers: { Origin: "https://evil.example.org" } });
    await expect(call).rejects.toMatchObject({ code: Code.PermissionDenied });
    expect((await health.check({}, { headers: { Origin: url } })).status).toBe(1);
  },
);
