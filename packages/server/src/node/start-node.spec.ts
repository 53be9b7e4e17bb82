// SPDX-License-Identifier: Apache-2.0
// A whole node on a real disk and a real port, driven by clients that are not ours.
import { execFile } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { connect as connectHttp2 } from "node:http2";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { ElectionService, SessionService } from "@conclave/api";
import { createClient } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import { Client, type ClientDuplexStream, credentials } from "@grpc/grpc-js";
import { loadSync, type ServiceDefinition } from "@grpc/proto-loader";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { NodeOptions, StartedNode } from "./node-options.ts";
import { startNode } from "./start-node.ts";

const protoDirectory = fileURLToPath(new URL("../../../api/proto", import.meta.url));
const workspace = fileURLToPath(new URL("../../../..", import.meta.url));
const buf = join(workspace, "node_modules", ".bin", "buf");

let directory: string;
const started: StartedNode[] = [];

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "conclave-node-"));
});

afterEach(async () => {
  await Promise.all(started.splice(0).map((node) => node.stop(0)));
  await rm(directory, { recursive: true });
});

const attempt = (options: Partial<NodeOptions> = {}) =>
  startNode({
    node: 1,
    host: "127.0.0.1",
    port: 0,
    dataDirectory: join(directory, "data"),
    address: undefined,
    members: undefined,
    join: [],
    partitionCount: 2,
    clusterToken: undefined,
    corsOrigins: [],
    consoleDirectory: undefined,
    version: "test",
    log: () => {},
    ...options,
  });

async function start(options: Partial<NodeOptions> = {}): Promise<StartedNode> {
  const node = await attempt(options);
  if (node.kind !== "started") throw new Error(`${node.reason}: ${node.detail}`);
  started.push(node);
  await expect.poll(async () => (await fetch(`${node.url}/readyz`)).status).toBe(200);
  return node;
}

type Message = Record<string, unknown>;

/** A service of conclave.v1 as gRPC's own library calls it, from its .proto files. */
function callerOf(node: StartedNode, file: string, service: string) {
  const loading = { includeDirs: [protoDirectory], keepCase: true, enums: String, longs: String };
  const definition = loadSync(`conclave/v1/${file}.proto`, loading);
  const methods = definition[`conclave.v1.${service}`] as ServiceDefinition;
  const client = new Client(new URL(node.url).host, credentials.createInsecure());
  const partsOf = (method: string) => {
    const { path, requestSerialize, responseDeserialize } = methods[method]!;
    return [path, requestSerialize, responseDeserialize as (bytes: Buffer) => Message] as const;
  };
  return {
    call: (method: string, request: Message): Promise<Message> =>
      new Promise((resolve, reject) => {
        client.makeUnaryRequest(...partsOf(method), request, (error, answer) =>
          error === null ? resolve(answer ?? {}) : reject(error),
        );
      }),
    bothWays: (method: string): ClientDuplexStream<Message, Message> =>
      client.makeBidiStreamRequest(...partsOf(method)),
    close: () => client.close(),
  };
}

const SESSION = "1234567890123456789";
const election = { name: "orders" };
const command = { session_id: SESSION, number: "1" };

describe("the native API", () => {
  test("is spoken with gRPC's own client: a session, an entry, a read", async () => {
    const node = await start();
    const sessions = callerOf(node, "session", "SessionService");
    const elections = callerOf(node, "election", "ElectionService");
    const opened = await sessions.call("OpenSession", { session_id: SESSION });
    expect(opened["leases"]).toHaveLength(2);
    const entered = await elections.call("Enter", { election, command, candidate: "a" });
    expect(entered["result"]).toMatchObject({ term: "1", leading: true });
    const read = await elections.call("Get", { election });
    expect(read["view"]).toMatchObject({ term: "1", leader: { name: "a" } });
    const refused = elections.call("Get", { election: { name: "" } });
    await expect(refused).rejects.toMatchObject({ code: 3 });
    sessions.close();
    elections.close();
  });

  test("is spoken with gRPC's own client over Attach, both ways on one stream", async () => {
    const node = await start();
    const sessions = callerOf(node, "session", "SessionService");
    const stream = sessions.bothWays("Attach");
    const frames: Message[] = [];
    stream.on("data", (frame: Message) => frames.push(frame));
    stream.on("error", () => {});
    stream.write({ hello: { session: { session_id: SESSION } } });
    await expect.poll(() => frames.some((frame) => frame["welcome"])).toBe(true);
    const enter = { election, command, candidate: "a" };
    stream.write({ commands: [{ correlation: "7", enter }] });
    const replies = () => frames.flatMap((frame) => (frame["replies"] ?? []) as Message[]);
    await expect
      .poll(replies)
      .toMatchObject([
        { correlation: "7", enter: { result: { leading: true, term: "1", registered: true } } },
      ]);
    stream.end();
    sessions.close();
  });

  test.each(["connect", "grpc", "grpcweb"])("is spoken with buf curl over %s", async (protocol) => {
    const node = await start();
    const curl = async (method: string, request: Message): Promise<Message> => {
      const how = ["--schema", protoDirectory, "--protocol", protocol, "--http2-prior-knowledge"];
      const what = ["-d", JSON.stringify(request), `${node.url}/conclave.v1.${method}`];
      return JSON.parse((await promisify(execFile)(buf, ["curl", ...how, ...what])).stdout);
    };
    await curl("SessionService/OpenSession", { sessionId: SESSION });
    const sent = { election, command: { sessionId: SESSION, number: 1 }, candidate: "a" };
    const entered = await curl("ElectionService/Enter", sent);
    expect(entered["result"]).toMatchObject({ term: "1", leading: true });
    const read = await curl("ElectionService/Get", { election });
    expect(read["view"]).toMatchObject({ leader: { name: "a" } });
  });

  test("is described by reflection well enough for a client that has no .proto file", async () => {
    const node = await start();
    const plain = ["curl", "--http2-prior-knowledge"];
    const listed = await promisify(execFile)(buf, [...plain, "--list-methods", node.url]);
    expect(listed.stdout).toContain("conclave.v1.SessionService/Attach");
    const get = [`${node.url}/conclave.v1.ElectionService/Get`];
    const sent = ["-d", JSON.stringify({ election }), "--protocol", "grpc"];
    const read = await promisify(execFile)(buf, [...plain, ...sent, ...get]);
    expect(JSON.parse(read.stdout).view.election.name).toBe("orders");
  });

  test.each([
    ["that is longer than 1 MiB", Buffer.alloc(1024 * 1024 + 1), "8"],
    ["that is none", Buffer.from([0x0a, 5, 1]), "13"],
  ])("ends a stream with a frame %s by an error, not in order", async (_name, frame, status) => {
    const node = await start();
    const session = connectHttp2(node.url);
    const path = "/conclave.v1.SessionService/Attach";
    const headers = { ":method": "POST", ":path": path, "content-type": "application/grpc" };
    const stream = session.request(headers);
    stream.on("error", () => {});
    stream.resume();
    const prefix = Buffer.alloc(5);
    prefix.writeUInt32BE(frame.length, 1);
    stream.write(Buffer.concat([Buffer.from([0, 0, 0, 0, 2, 0x0a, 0]), prefix, frame]));
    const [trailers] = await once(stream, "trailers");
    expect(trailers["grpc-status"]).toBe(status);
    session.destroy();
  });

  test("refuses a unary request of more than 64 KiB and changes nothing", async () => {
    const node = await start();
    const transport = createConnectTransport({ baseUrl: node.url, httpVersion: "2" });
    const elections = createClient(ElectionService, transport);
    const entered = elections.enter({ election, candidate: "a".repeat(70_000) });
    await expect(entered).rejects.toThrow("resource_exhausted");
    expect((await elections.get({ election })).view?.revision).toBe(0n);
  });
});

describe("stopping", () => {
  test("says goodbye on open streams and frees the directory and the port", async () => {
    const node = await start();
    const transport = createConnectTransport({ baseUrl: node.url, httpVersion: "2" });
    const frames: string[] = [];
    let leave = (): void => {};
    const left = new Promise<void>((resolve) => {
      leave = resolve;
    });
    async function* hello() {
      yield { hello: { session: { sessionId: 5n } } };
      await left;
    }
    const stream = createClient(SessionService, transport).attach(hello());
    const read = (async () => {
      for await (const frame of stream) {
        if (frame.welcome !== undefined) frames.push("welcome");
        if (frame.goodbye !== undefined) frames.push("goodbye");
      }
      leave();
    })();
    await expect.poll(() => frames).toEqual(["welcome"]);
    const beganMs = performance.now();
    await node.stop();
    expect(performance.now() - beganMs).toBeLessThan(5_000);
    await read;
    expect(frames).toEqual(["welcome", "goodbye"]);
    await expect(fetch(`${node.url}/healthz`)).rejects.toThrow();
    const again = await start({ port: Number(new URL(node.url).port) });
    expect(again.url).toBe(node.url);
  });

  test("does not wait for a client that never ends its half of a stream", async () => {
    const node = await start();
    const session = connectHttp2(node.url);
    const path = "/conclave.v1.SessionService/Attach";
    const headers = { ":method": "POST", ":path": path, "content-type": "application/grpc" };
    const stream = session.request(headers);
    // An envelope of gRPC around an AttachRequest with a hello of no session.
    stream.write(Buffer.from([0, 0, 0, 0, 2, 0x0a, 0]));
    await once(stream, "data");
    const closed = once(session, "close");
    const beganMs = performance.now();
    await node.stop();
    expect(performance.now() - beganMs).toBeLessThan(5_000);
    await closed;
  });

  test("keeps what was entered for the next start, on whatever port", async () => {
    const node = await start();
    const before = createClient(
      ElectionService,
      createConnectTransport({ baseUrl: node.url, httpVersion: "2" }),
    );
    const sessions = createClient(
      SessionService,
      createConnectTransport({ baseUrl: node.url, httpVersion: "2" }),
    );
    await sessions.openSession({ sessionId: 5n });
    await before.enter({ election, command: { sessionId: 5n, number: 1n }, candidate: "a" });
    await node.stop();
    const again = await start();
    const after = createClient(
      ElectionService,
      createConnectTransport({ baseUrl: again.url, httpVersion: "2" }),
    );
    const { view } = await after.get({ election });
    expect(view).toMatchObject({ term: 1n, leader: { name: "a" } });
  });
});

describe("a start that must not be", () => {
  test("in a directory that another node has open is refused", async () => {
    await start();
    expect(await attempt()).toMatchObject({ kind: "failed", reason: "locked" });
  });

  test("on an address that is taken is refused, and leaves the directory free", async () => {
    const node = await start();
    const port = Number(new URL(node.url).port);
    const other = { dataDirectory: join(directory, "other") };
    const refused = await attempt({ ...other, port });
    expect(refused).toMatchObject({ kind: "failed", reason: "address-in-use" });
    await start(other);
  });

  test.each<[string, Partial<NodeOptions>, string]>([
    ["another number of partitions", { partitionCount: 3 }, "made with 2 partitions, not 3"],
    ["another node", { node: 2 }, "belongs to node 1, not 2"],
    ["another cluster token", { clusterToken: "other" }, "another cluster token"],
    ["a list", { members: [{ node: 1, address: "a:1" }] }, "a cluster of one, without a list"],
  ])("with %s is refused by name and harms nothing", async (_name, options, detail) => {
    const node = await start();
    await node.stop();
    const refused = await attempt(options);
    expect(refused).toMatchObject({ kind: "failed", reason: "foreign" });
    expect(refused.kind === "failed" && refused.detail).toContain(detail);
    await start();
  });

  test("beside a log that has lost its identity is refused: nobody knows what was voted", async () => {
    const node = await start();
    await node.stop();
    await rm(join(directory, "data", "identity.json"));
    expect(await attempt()).toMatchObject({ kind: "failed", reason: "damaged" });
  });

  test("where the directory cannot be made is refused", async () => {
    await writeFile(join(directory, "data"), "a file");
    expect(await attempt()).toMatchObject({ kind: "failed", reason: "not-writable" });
  });
});

test("a stop does not wait for a peer that leaves its side open, however long its grace", async () => {
  const node = await start();
  const { hostname, port } = new URL(node.url);
  const peer = connect({ host: hostname, port: Number(port), allowHalfOpen: true });
  // The preface of HTTP/2 and empty settings; the server's are never answered, nor its goodbye.
  peer.write("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
  peer.write(Uint8Array.of(0, 0, 0, 4, 0, 0, 0, 0, 0));
  await once(peer, "readable");

  await node.stop(3_600_000);

  peer.destroy();
});
