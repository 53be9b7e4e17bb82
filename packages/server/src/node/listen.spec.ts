// SPDX-License-Identifier: Apache-2.0
// Listen over the real port, as pages and other clients without streams of their own reach it.
import { ElectionService, SessionService } from "@conclave/api";
import { type Client, Code, ConnectError, createClient } from "@connectrpc/connect";
import {
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
} from "@connectrpc/connect-node";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createMemoryNode } from "../replica/memory-node.ts";
import { countHeld } from "../rpc/memory-held.ts";
import { registerNativeServices } from "../rpc/native-services.ts";
import { createConnections } from "./connections.ts";
import { type FrontPort, openFrontPort } from "./front-port.ts";
import { createHttpRoutes } from "./http-routes.ts";
import { createOriginPolicy } from "./origin-policy.ts";
import { createReadiness } from "./readiness.ts";
import { createRpcHandler } from "./rpc-handler.ts";
import { systemClock } from "./system-clock.ts";

const world = createMemoryNode(2);
const held = countHeld(world.node);
let port: FrontPort;

beforeAll(async () => {
  const connections = createConnections();
  let drawn = 1_000n;
  const rpc = createRpcHandler({
    connections,
    clock: systemClock,
    routes: (router) =>
      registerNativeServices(router, world.node, { drawSessionId: () => ++drawn }),
  });
  const origins = createOriginPolicy({ scheme: "http", ownNames: [], corsOrigins: [] });
  const metrics = { page: async () => "", contentType: "text/plain" };
  const readiness = createReadiness(() => []);
  const handler = createHttpRoutes({ rpc, readiness, metrics, origins, consoleFiles: new Map() });
  const listening = { host: "127.0.0.1", port: 0, clock: systemClock, connections, handler };
  const outcome = await openFrontPort(listening);
  if (outcome.kind !== "open") throw new Error(outcome.detail);
  port = outcome.port;
});

afterAll(() => port.close(0));

const TRANSPORTS = {
  "Connect over HTTP/1.1": () =>
    createConnectTransport({ baseUrl: port.url, httpVersion: "1.1", useBinaryFormat: false }),
  "Connect over HTTP/2": () => createConnectTransport({ baseUrl: port.url, httpVersion: "2" }),
  gRPC: () => createGrpcTransport({ baseUrl: port.url }),
  "gRPC-web over HTTP/1.1": () => createGrpcWebTransport({ baseUrl: port.url, httpVersion: "1.1" }),
} as const;

const NAMES = Object.keys(TRANSPORTS) as (keyof typeof TRANSPORTS)[];

let lastSession = 0n;

test.each(NAMES)(
  "by %s a page hears of its session at once, and its leaving is noticed",
  async (name) => {
    const transport = TRANSPORTS[name]();
    const sessions = createClient(SessionService, transport);
    const elections = createClient(ElectionService, transport);
    const sessionId = ++lastSession;
    const election = { name: `e${sessionId}` };
    await sessions.openSession({ sessionId });
    const page = new AbortController();
    const { signal } = page;
    const listeners = [
      { id: 7, hello: { session: { sessionId } } },
      { id: 8, hello: {}, watches: [{ id: 3n, request: { elections: [election] } }] },
      { id: 9 },
    ];
    const heard: string[] = [];

    const read = async () => {
      for await (const { id, told } of sessions.listen({ listeners }, { signal })) {
        if (told.case === "error") heard.push(`${id} refused: ${told.value.info?.field}`);
        if (told.case !== "frame") continue;
        const { welcome, candidacies, watchEvents } = told.value;
        if (welcome !== undefined) heard.push(`${id} welcome`);
        for (const { candidate } of candidacies) heard.push(`${id} leads as ${candidate}`);
        for (const { outcome } of watchEvents) {
          if (outcome.case === "event") heard.push(`${id} ${outcome.value.event.case}`);
        }
      }
    };
    const reading = read().catch((error: unknown) => ConnectError.from(error).code);
    await expect.poll(() => heard.length).toBe(5);
    const command = { sessionId, number: 1n };
    await elections.enter({ election, command, candidate: "a" });
    await expect.poll(() => heard.length).toBe(7);
    page.abort();

    expect(await reading).toBe(Code.Canceled);
    expect(heard.toSorted()).toEqual([
      "7 leads as a",
      "7 welcome",
      "8 change",
      "8 snapshot",
      "8 snapshotEnd",
      "8 welcome",
      "9 refused: hello",
    ]);
    await expect.poll(() => held.now).toBe(0);
  },
);

test.each(NAMES)(
  "by %s a poll is an answer that ends by itself, and asks to be held back by nobody",
  async (name) => {
    const sessions = createClient(SessionService, TRANSPORTS[name]());
    const sessionId = ++lastSession;
    await sessions.openSession({ sessionId });
    const listeners = [{ id: 1, hello: { session: { sessionId } } }];
    const ids: number[] = [];
    const request = { listeners, poll: { seconds: 30n } };
    let buffering: string | null = null;
    const onHeader = (headers: Headers): void => {
      buffering = headers.get("x-accel-buffering");
    };
    for await (const { id } of sessions.listen(request, { onHeader })) ids.push(id);
    expect(buffering).toBe("no");
    expect(ids.length).toBeGreaterThan(0);
    await expect.poll(() => held.now).toBe(0);
  },
);

const BAD: readonly (readonly [string, Parameters<Client<typeof SessionService>["listen"]>[0]])[] =
  [
    ["listeners", {}],
    ["listeners.id", { listeners: [{ id: 1 }, { id: 1 }] }],
    ["poll", { listeners: [{ id: 1 }], poll: { seconds: 31n } }],
    ["poll", { listeners: [{ id: 1 }], poll: { seconds: -1n } }],
  ];

test.each(NAMES)("by %s what is asked amiss is refused before anything is told", async (name) => {
  const sessions = createClient(SessionService, TRANSPORTS[name]());
  for (const [field, request] of BAD) {
    const read = async () => {
      for await (const _ of sessions.listen(request)) void _;
    };
    await expect(read()).rejects.toMatchObject({
      code: Code.InvalidArgument,
      message: expect.stringContaining(field),
    });
  }
  expect(held.now).toBe(0);
});

test("what is no request of Listen is refused, and nothing is held for it", async () => {
  const url = `${port.url}/conclave.v1.SessionService/Listen`;
  const envelope = (bytes: Uint8Array): Uint8Array<ArrayBuffer> =>
    Uint8Array.of(0, 0, 0, 0, bytes.length, ...bytes);
  const text = (value: string) => new TextEncoder().encode(value);
  for (const body of [
    text("{}"),
    envelope(text("no JSON")),
    envelope(text('{"listeners":[{"id":-1}]}')),
    envelope(text('{"listeners":7}')),
    envelope(text("{}")).subarray(0, 6),
  ]) {
    const headers = { "content-type": "application/connect+json" };
    const answer = await fetch(url, { method: "POST", headers, body });
    // A stream's error comes at its end, under 200.
    const told = await answer.text();
    expect(told).toMatch(/"code":"(invalid_argument|internal|unknown)"/);
  }
  const get = await fetch(url);
  await get.text();
  expect([405, 415]).toContain(get.status);
  expect(held.now).toBe(0);
});

test("streams over one connection that are dropped by the hundred leave nothing behind", async () => {
  const sessions = createClient(SessionService, TRANSPORTS["Connect over HTTP/2"]());
  const watches = [{ id: 1n, request: { prefix: {} } }];
  const listeners = [{ id: 1, hello: { session: { sessionId: 77n } }, watches }];
  const drop = async (isHeard: boolean): Promise<void> => {
    const page = new AbortController();
    const streaming = sessions.listen({ listeners }, { signal: page.signal });
    if (!isHeard) setImmediate(() => page.abort());
    for await (const _ of streaming) page.abort();
  };
  for (let round = 0; round < 4; round++) {
    await Promise.allSettled(Array.from({ length: 50 }, (_, i) => drop(i % 2 === 0)));
  }
  expect(held.most).toBeGreaterThan(50);
  await expect.poll(() => held.now, { timeout: 10_000 }).toBe(0);
  for (const partition of world.node.partitions) expect(partition.watchers.isEmpty).toBe(true);
});
