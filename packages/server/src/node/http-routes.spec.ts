// SPDX-License-Identifier: Apache-2.0
import { afterEach, expect, test } from "vitest";
import { createConnections } from "./connections.ts";
import { type FrontPort, openFrontPort } from "./front-port.ts";
import { registerHealth } from "./health-service.ts";
import { createHttpRoutes } from "./http-routes.ts";
import { createReadiness } from "./readiness.ts";
import { createRpcHandler } from "./rpc-handler.ts";
import { systemClock } from "./system-clock.ts";

const metrics = { page: async () => "a 1\n", contentType: "text/plain; version=0.0.4" };
const opened: FrontPort[] = [];

afterEach(async () => {
  await Promise.all(opened.splice(0).map((port) => port.close(0)));
});

async function open(obstacles: readonly string[], corsOrigins: readonly string[] = []) {
  const readiness = createReadiness(() => obstacles);
  const connections = createConnections();
  const rpc = createRpcHandler({
    connections,
    clock: systemClock,
    routes: (router, registered) => registerHealth(router, readiness, registered.isRegistered),
  });
  const handler = createHttpRoutes({ rpc, readiness, metrics, corsOrigins });
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
const jsonCall = {
  method: "POST",
  headers: { "Content-Type": "application/json", Origin: "https://ops.example.org" },
  body: "{}",
};

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

test.each(["/", "/metrics/", "/healthz/", "/no.Such/Method"])("%s is not found", async (path) => {
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

test("pages of other origins are allowed nothing by default", async () => {
  const { url } = await open([]);
  const answer = await fetch(`${url}${check}`, jsonCall);
  expect(answer.status).toBe(200);
  expect(answer.headers.get("Access-Control-Allow-Origin")).toBeNull();
  const preflight = await fetch(`${url}${check}`, { ...jsonCall, method: "OPTIONS", body: null });
  expect(preflight.headers.get("Access-Control-Allow-Origin")).toBeNull();
});

test("a page of an allowed origin may ask, call and read", async () => {
  const { url } = await open([], ["https://ops.example.org"]);
  const preflight = await fetch(`${url}${check}`, { ...jsonCall, method: "OPTIONS", body: null });
  expect(preflight.status).toBe(204);
  expect(preflight.headers.get("Vary")).toBe("Origin");
  expect(preflight.headers.get("Access-Control-Allow-Origin")).toBe("https://ops.example.org");
  expect(preflight.headers.get("Access-Control-Allow-Methods")).toContain("POST");
  expect(preflight.headers.get("Access-Control-Allow-Headers")).toContain("Connect-Timeout-Ms");
  const answer = await fetch(`${url}${check}`, jsonCall);
  expect(await answer.json()).toEqual({ status: "SERVING" });
  expect(answer.headers.get("Access-Control-Allow-Origin")).toBe("https://ops.example.org");
  expect(answer.headers.get("Access-Control-Expose-Headers")).toContain("Grpc-Status");
});

test("a page of an allowed origin may say whose election it means, and read the term's number", async () => {
  const { url } = await open([], ["https://ops.example.org"]);
  const preflight = await fetch(`${url}${check}`, { ...jsonCall, method: "OPTIONS", body: null });
  const allowed = preflight.headers.get("Access-Control-Allow-Headers")?.split(", ");
  expect(allowed).toEqual(
    expect.arrayContaining(["application-id", "primitive-id", "session-id", "Content-Type"]),
  );
  const answer = await fetch(`${url}${check}`, jsonCall);
  const exposed = answer.headers.get("Access-Control-Expose-Headers")?.split(", ");
  expect(exposed).toEqual(expect.arrayContaining(["conclave-term", "Grpc-Status"]));
});

test("a page of an origin that is not on the list is allowed nothing", async () => {
  const { url } = await open([], ["https://other.example.org"]);
  const preflight = await fetch(`${url}${check}`, { ...jsonCall, method: "OPTIONS", body: null });
  expect(preflight.status).toBe(204);
  expect(preflight.headers.get("Vary")).toBe("Origin");
  expect(preflight.headers.get("Access-Control-Allow-Origin")).toBeNull();
});
