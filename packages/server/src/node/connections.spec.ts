// SPDX-License-Identifier: Apache-2.0
/** What requests are told of their connections, on a real port. */

import { once } from "node:events";
import { Agent, request as httpRequest } from "node:http";
import { type ClientHttp2Session, connect as connectHttp2 } from "node:http2";
import { connect as connectTcp } from "node:net";
import { generate } from "selfsigned";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type Connection, connectionKey } from "../rpc/connection-context.ts";
import { type Connections, createConnections, type PortHandler } from "./connections.ts";
import { type FrontPort, type FrontPortOptions, openFrontPort } from "./front-port.ts";
import { systemClock } from "./system-clock.ts";

const opened: FrontPort[] = [];
let connections: Connections;
/** What each request was told, in order. */
let told: (Connection | undefined)[];

beforeEach(() => {
  connections = createConnections();
  told = [];
});

afterEach(async () => {
  await Promise.all(opened.splice(0).map((port) => port.close(0)));
});

const tellAndAnswer: PortHandler = (request, response) => {
  told.push(connections.contextValues(request).get(connectionKey));
  response.end("ok");
};

async function open(options: Partial<FrontPortOptions> = {}): Promise<string> {
  const address = { host: "127.0.0.1", port: 0 };
  const handler = tellAndAnswer;
  const outcome = await openFrontPort({
    ...{ ...address, clock: systemClock, connections, handler },
    ...options,
  });
  if (outcome.kind !== "open") throw new Error(outcome.detail);
  opened.push(outcome.port);
  return outcome.port.url;
}

function dialHttp2(url: string): ClientHttp2Session {
  const session = connectHttp2(url, { rejectUnauthorized: false });
  session.on("error", () => {});
  return session;
}

async function ask(session: ClientHttp2Session): Promise<void> {
  const stream = session.request({ ":path": "/" });
  stream.end();
  await stream.toArray();
}

async function askHttp1(url: string, agent: Agent): Promise<void> {
  const request = httpRequest(url, { agent });
  request.end();
  const [response] = await once(request, "response");
  await response.toArray();
}

describe("a connection", () => {
  test("of HTTP/2 is one for all its requests, is shared, and has an id of its own", async () => {
    const url = await open();
    const [one, other] = [dialHttp2(url), dialHttp2(url)];
    for (const session of [one, one, other]) await ask(session);

    const [first, second, third] = told;
    expect(first).toBe(second);
    expect(third?.id).not.toBe(first?.id);
    expect(told.map((each) => each?.isShared)).toEqual([true, true, true]);
    for (const session of [one, other]) session.destroy();
  });

  test("of HTTP/2 over TLS is shared too", async () => {
    const made = await generate([{ name: "commonName", value: "localhost" }], { keySize: 2048 });
    const session = dialHttp2(await open({ tls: { certificate: made.cert, key: made.private } }));
    await ask(session);

    expect(told.map((each) => each?.isShared)).toEqual([true]);
    session.destroy();
  });

  test("of HTTP/1.1 is not shared, however many requests come through it", async () => {
    const url = await open();
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    for (let i = 0; i < 2; i++) await askHttp1(url, agent);

    expect(told[0]).toBe(told[1]);
    expect(told.map((each) => each?.isShared)).toEqual([false, false]);
    agent.destroy();
  });
});

describe("who wants to know of its end", () => {
  test.each([
    ["in order", (session: ClientHttp2Session) => session.close()],
    ["at once", (session: ClientHttp2Session) => session.destroy()],
  ])("is told once when the client goes %s, and is not held on to", async (_, leave) => {
    const session = dialHttp2(await open());
    await ask(session);
    const ends: string[] = [];
    told[0]!.onClose(() => ends.push("first"));
    told[0]!.onClose(() => ends.push("second"));

    expect(ends).toEqual([]);
    leave(session);
    await expect.poll(() => ends).toEqual(["first", "second"]);

    expect(connections.size).toBe(0);
    expect(told[0]?.endedByServer).toBe(false);
  });

  test("is told at once of one that has closed", async () => {
    const session = dialHttp2(await open());
    await ask(session);
    session.destroy();
    await expect.poll(() => connections.size).toBe(0);

    const ends: string[] = [];
    told[0]!.onClose(() => ends.push("late"));

    expect(ends).toEqual(["late"]);
  });

  test("is told nothing any more once it has left", async () => {
    const session = dialHttp2(await open());
    await ask(session);
    const ends: string[] = [];
    const leave = told[0]!.onClose(() => ends.push("left"));
    told[0]!.onClose(() => ends.push("stayed"));

    leave();
    session.destroy();

    await expect.poll(() => ends).toEqual(["stayed"]);
  });

  test("is told of a peer that froze, as ended by the server", async () => {
    const url = await open({ limits: { pings: { intervalMs: 20, timeoutMs: 20 } } });
    const socket = connectTcp({ host: "127.0.0.1", port: Number(new URL(url).port) });
    socket.on("error", () => {});
    // A request for /, and then nothing: the kernel acknowledges, but nobody answers a PING.
    socket.write(`PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0`, "latin1");
    socket.write("\0\0\x06\x01\x05\0\0\0\x01\x82\x86\x84\x41\x01h", "latin1");
    await expect.poll(() => told).toHaveLength(1);
    const ends: boolean[] = [];
    told[0]!.onClose(() => ends.push(told[0]!.endedByServer));

    await expect.poll(() => ends).toEqual([true]);
  });
});
