// SPDX-License-Identifier: Apache-2.0
import { once } from "node:events";
import { request as httpRequest } from "node:http";
import { type ClientHttp2Session, connect as connectHttp2 } from "node:http2";
import { request as httpsRequest } from "node:https";
import { connect as connectTcp, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { generate } from "selfsigned";
import { afterEach, beforeAll, describe, expect, test } from "vitest";
import { type Connections, createConnections, type PortHandler } from "./connections.ts";
import { type FrontPort, type FrontPortOptions, openFrontPort } from "./front-port.ts";
import { systemClock } from "./system-clock.ts";

const opened: FrontPort[] = [];
let tls: { readonly certificate: string; readonly key: string };

beforeAll(async () => {
  const made = await generate([{ name: "commonName", value: "localhost" }], { keySize: 2048 });
  tls = { certificate: made.cert, key: made.private };
});

afterEach(async () => {
  await Promise.all(opened.splice(0).map((port) => port.close(0)));
});

/** Says over what it was asked: the HTTP version and whether there was TLS. */
const sayHow: PortHandler = (request, response) => {
  const isEncrypted = "encrypted" in request.socket && request.socket.encrypted;
  response.end(`${request.httpVersion} ${isEncrypted ? "tls" : "clear"}`);
};

async function open(options: Partial<FrontPortOptions> = {}): Promise<FrontPort> {
  const outcome = await openFrontPort({
    host: "127.0.0.1",
    port: 0,
    clock: systemClock,
    handler: sayHow,
    ...options,
  });
  if (outcome.kind !== "open") throw new Error(outcome.detail);
  opened.push(outcome.port);
  return outcome.port;
}

const portOf = (port: FrontPort): number => Number(new URL(port.url).port);

async function getHttp1(url: string): Promise<string> {
  const send = url.startsWith("https:") ? httpsRequest : httpRequest;
  const request = send(url, { rejectUnauthorized: false, agent: false });
  request.end();
  const [response] = await once(request, "response");
  return Buffer.concat(await response.toArray()).toString();
}

async function getHttp2(session: ClientHttp2Session): Promise<string> {
  const stream = session.request({ ":path": "/" });
  stream.end();
  return Buffer.concat(await stream.toArray()).toString();
}

async function overHttp2(url: string): Promise<string> {
  const session = connectHttp2(url, { rejectUnauthorized: false });
  try {
    return await getHttp2(session);
  } finally {
    session.destroy();
  }
}

function dial(port: FrontPort): Socket {
  const socket = connectTcp({ host: "127.0.0.1", port: portOf(port), noDelay: true });
  socket.on("error", () => {});
  return socket;
}

const closeOf = (socket: Socket): Promise<void> =>
  new Promise((resolve) => {
    socket.once("close", () => resolve());
    socket.resume();
  });

/** Everything the peer says until it closes. */
async function sayAndHear(port: FrontPort, said: string): Promise<string> {
  const socket = dial(port);
  const heard: Buffer[] = [];
  socket.on("data", (chunk) => heard.push(chunk));
  socket.write(said, "latin1");
  await closeOf(socket);
  return Buffer.concat(heard).toString("latin1");
}

describe("one port", () => {
  test("answers HTTP/1.1 and HTTP/2 in clear text", async () => {
    const port = await open();
    expect(await getHttp1(port.url)).toBe("1.1 clear");
    expect(await overHttp2(port.url)).toBe("2.0 clear");
  });

  test("answers HTTP/1.1 and HTTP/2 over TLS, as ALPN agrees", async () => {
    const port = await open({ tls });
    expect(port.url).toMatch(/^https:/);
    expect(await getHttp1(port.url)).toBe("1.1 tls");
    expect(await overHttp2(port.url)).toBe("2.0 tls");
  });

  test("recognises an HTTP/2 preface that arrives byte by byte", async () => {
    const port = await open();
    const socket = dial(port);
    const preface = `PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0`;
    const heard = once(socket, "data");
    for (const byte of preface) {
      // Each byte in a segment of its own: written, and on its way before the next.
      await new Promise<void>((resolve) => socket.write(byte, "latin1", () => resolve()));
    }
    const [settings] = await heard;
    // Type 4 at offset 3: a SETTINGS frame, with which an HTTP/2 server begins.
    expect(settings[3]).toBe(4);
    socket.destroy();
  });

  test.each(["POST", "PUT", "PATCH", "PROPFIND", "GET"])(
    "takes %s for HTTP/1.1 although it may arrive byte by byte",
    async (method) => {
      const port = await open();
      const socket = dial(port);
      const heard = once(socket, "data");
      for (const byte of `${method} / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n`) {
        await new Promise<void>((resolve) => socket.write(byte, "latin1", () => resolve()));
      }
      expect(String((await heard)[0])).toMatch(/^HTTP\/1\.1 200/);
      socket.destroy();
    },
  );

  test("answers a peer that closes its half as soon as it has asked", async () => {
    const port = await open();
    const socket = dial(port);
    const heard = once(socket, "data");
    socket.end("GET / HTTP/1.0\r\n\r\n");
    expect(String((await heard)[0])).toMatch(/200 OK/);
  });

  test("tells a person who forgot https, and serves nothing in clear text beside TLS", async () => {
    const port = await open({ tls });
    const heard = await sayAndHear(port, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    expect(heard).toMatch(/^HTTP\/1\.1 400/);
    expect(heard).toContain("use https");
    expect(await sayAndHear(port, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")).toBe("");
  });

  test("closes what begins like TLS and is garbage", async () => {
    const port = await open({ tls });
    // The answer is a TLS alert (type 21), then the end.
    expect((await sayAndHear(port, "\x16\x03\x01\x00\x05hello")).slice(0, 1)).toBe("\x15");
    expect(await getHttp1(port.url)).toBe("1.1 tls");
  });

  test("closes a TLS greeting where there is no certificate", async () => {
    const port = await open();
    expect(await sayAndHear(port, "\x16\x03\x01\x00\x05hello")).toBe("");
  });
});

describe("limits", () => {
  test("a peer that says nothing is closed when its time is over", async () => {
    const port = await open({ limits: { greetingMs: 20 } });
    await closeOf(dial(port));
  });

  test("a peer that stops within a TLS handshake is closed when its time is over", async () => {
    const port = await open({ tls, limits: { greetingMs: 20 } });
    await sayAndHear(port, "\x16\x03\x01\x02\x00");
  });

  // Only Linux has the whole of 127.0.0.0/8 on its loopback.
  test.runIf(process.platform === "linux")(
    "peers that shake hands from one port with two of our addresses are both served",
    async () => {
      const port = await open({ tls, host: "0.0.0.0" });
      // Bound by us, and so with SO_REUSEADDR: only then may the second have the same port.
      const from = { localAddress: "127.0.0.1", port: portOf(port) };
      const first = connectTcp({ ...from, host: "127.0.0.1", localPort: 0 });
      await once(first, "connect");
      const localPort = first.localPort!;
      const second = connectTcp({ ...from, host: "127.0.0.2", localPort });
      await once(second, "connect");
      const secured = [first, second].map((socket) =>
        connectTls({ socket, rejectUnauthorized: false }),
      );
      const answers = secured.map(async (socket) => {
        socket.on("error", () => {});
        socket.write("GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
        return Buffer.concat(await socket.toArray()).toString();
      });
      for (const answer of await Promise.allSettled(answers)) {
        expect(answer.status === "fulfilled" && answer.value).toContain("1.1 tls");
      }
    },
  );

  test("a peer whose HTTP/1.1 headers never end gets 408 and is closed", async () => {
    const port = await open({ limits: { headersMs: 50 } });
    expect(await sayAndHear(port, "GET / HTTP/1.1\r\nHost: h\r\nX-")).toMatch(/^HTTP\/1\.1 408/);
  });

  test("a connection beyond the limit is closed, and one that takes a freed place is served", async () => {
    const port = await open({ limits: { connectionsMax: 1 } });
    const first = dial(port);
    await once(first, "connect");
    first.write("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    await once(first, "data");
    await closeOf(dial(port));
    first.destroy();
    await expect.poll(() => getHttp1(port.url).catch(() => "refused")).toBe("1.1 clear");
  });
});

describe("an HTTP/2 peer that is gone", () => {
  /** A handler that never answers, and what it knows of the connection of each request. */
  const hold = (connections: Connections) => {
    const ends: boolean[] = [];
    const handler: PortHandler = (request, response) => {
      const connection = connections.of(request);
      response.once("close", () => ends.push(connection?.endedByServer === true));
    };
    return { ends, handler };
  };

  test("without a word is closed for want of an answer to PING, as ended by the server", async () => {
    const connections = createConnections();
    const { ends, handler } = hold(connections);
    const pings = { intervalMs: 20, timeoutMs: 20 };
    const port = await open({ connections, handler, limits: { pings } });
    const socket = dial(port);
    // A request for /, and then a frozen process: its kernel acknowledges, but nobody answers.
    socket.write(`PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0`, "latin1");
    socket.write("\0\0\x06\x01\x05\0\0\0\x01\x82\x86\x84\x41\x01h", "latin1");
    await closeOf(socket);
    await expect.poll(() => ends).toEqual([true]);
  });

  test("is kept while it answers, even if it says nothing of itself", async () => {
    const connections = createConnections();
    const { ends, handler } = hold(connections);
    const port = await open({
      connections,
      handler,
      limits: { pings: { intervalMs: 5, timeoutMs: 5_000 } },
    });
    const session = connectHttp2(port.url);
    let pinged = 0;
    session.on("ping", () => {
      pinged++;
    });
    session.request({ ":path": "/" }).on("error", () => {});
    await expect.poll(() => pinged).toBeGreaterThan(5);
    expect(ends).toEqual([]);
    session.destroy();
  });

  test("by closing its socket is noticed at once, as ended by the client", async () => {
    const connections = createConnections();
    const { ends, handler } = hold(connections);
    const port = await open({ connections, handler });
    const session = connectHttp2(port.url);
    session.on("error", () => {});
    session.request({ ":path": "/" }).on("error", () => {});
    await once(session, "remoteSettings");
    await expect.poll(() => connections.size).toBe(1);
    session.socket.destroySoon();
    await expect.poll(() => ends).toEqual([false]);
  });
});

describe("closing", () => {
  test("lets a request end that is under way, on HTTP/1.1 and HTTP/2", async () => {
    const waiting: (() => void)[] = [];
    const handler: PortHandler = (_request, response) => {
      waiting.push(() => response.end("in the end"));
    };
    const port = await open({ handler });
    const session = connectHttp2(port.url);
    const answers = [getHttp1(port.url), getHttp2(session)];
    await expect.poll(() => waiting.length).toBe(2);
    const closed = port.close(30_000);
    for (const answer of waiting) answer();
    expect(await Promise.all(answers)).toEqual(["in the end", "in the end"]);
    await closed;
  });

  test("destroys what does not end in time, as ended by the server", async () => {
    const connections = createConnections();
    const ends: boolean[] = [];
    const handler: PortHandler = (request, response) => {
      const connection = connections.of(request);
      response.once("close", () => ends.push(connection?.endedByServer === true));
    };
    const port = await open({ connections, handler });
    const session = connectHttp2(port.url);
    session.on("error", () => {});
    session.request({ ":path": "/" }).on("error", () => {});
    const refused = getHttp1(port.url).catch(() => "cut off");
    await expect.poll(() => connections.size).toBe(2);
    await expect.poll(() => session.remoteSettings.maxConcurrentStreams).toBe(16_384);
    await port.close(10);
    expect(await refused).toBe("cut off");
    await expect.poll(() => ends).toEqual([true, true]);
  });

  test("does not wait for connections that are idle", async () => {
    const port = await open();
    const idle = dial(port);
    idle.write("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    await once(idle, "data");
    const session = connectHttp2(port.url);
    await getHttp2(session);
    const silent = dial(port);
    await once(silent, "connect");
    const beganMs = performance.now();
    await port.close(20_000);
    expect(performance.now() - beganMs).toBeLessThan(10_000);
  });
});

describe("opening", () => {
  test("says that the address is in use", async () => {
    const port = await open();
    const outcome = await openFrontPort({
      host: "127.0.0.1",
      port: portOf(port),
      clock: systemClock,
      handler: sayHow,
    });
    expect(outcome.kind).toBe("address-in-use");
  });

  test("says that the address is not this machine's", async () => {
    const options = { host: "192.0.2.1", port: 0, clock: systemClock, handler: sayHow };
    expect((await openFrontPort(options)).kind).toBe("not-bindable");
  });

  test("says that the certificate is none", async () => {
    const options = { host: "127.0.0.1", port: 0, clock: systemClock, handler: sayHow };
    const outcome = await openFrontPort({ ...options, tls: { certificate: "x", key: "y" } });
    expect(outcome.kind).toBe("not-bindable");
  });
});
