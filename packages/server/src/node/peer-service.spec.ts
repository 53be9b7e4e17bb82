// SPDX-License-Identifier: Apache-2.0
import { once } from "node:events";
import { type AddressInfo, connect as connectTcp, createServer, type Socket } from "node:net";
import { type ExchangeResponse, PeerService, RefusalReason } from "@conclave/api/peer";
import { createManualClock, createPrng } from "@conclave/base";
import type { Member } from "@conclave/fsm";
import { type GroupMessage, replicaIdOf } from "@conclave/raft";
import { createClient } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import { generate } from "selfsigned";
import { afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { helloOf } from "../peer/greeting.ts";
import { refusingStream } from "../peer/inbound-stream.ts";
import { emptyRequest } from "../peer/outbound-stream.ts";
import { createPeerMesh, type PeerMesh } from "../peer/peer-mesh.ts";
import { hexOf, type Introduction, type JoinRequest } from "../wire/introduction.ts";
import { raftMessageMessageOf, type SingleMessage } from "../wire/raft-messages.ts";
import { createConnections } from "./connections.ts";
import { type FrontPort, type FrontPortOptions, openFrontPort } from "./front-port.ts";
import type { PeerTls } from "./peer-connection.ts";
import { createPeerDialer } from "./peer-dialer.ts";
import { exchangeDoor, registerPeers } from "./peer-service.ts";
import { createRpcHandler } from "./rpc-handler.ts";
import { systemClock } from "./system-clock.ts";

const CLUSTER_ID = new Uint8Array(32).fill(3);

interface Node {
  readonly member: Member;
  readonly mesh: PeerMesh;
  readonly received: GroupMessage[];
  readonly unreachable: number[];
  readonly port: FrontPort;
  stop(): Promise<void>;
}

interface Tls {
  readonly port: NonNullable<FrontPortOptions["tls"]>;
  readonly dialer: PeerTls;
}

const STARTING = { reason: "not-ready", detail: "it is starting" } as const;

/** Nobody gives up. */
const never = new AbortController().signal;

let tls: Tls;
const running: Node[] = [];

beforeAll(async () => {
  const altNames = [{ type: 7 as const, ip: "127.0.0.1" }];
  const made = await generate([{ name: "commonName", value: "localhost" }], {
    keySize: 2048,
    extensions: [{ name: "subjectAltName", altNames }],
  });
  tls = { port: { certificate: made.cert, key: made.private }, dialer: { ca: made.cert } };
});

afterEach(async () => {
  await Promise.all(running.splice(0).map((node) => node.stop()));
});

interface StartOptions {
  readonly tls?: Tls;
  readonly port?: number;
  readonly isStarting?: boolean;
  /** Connect's own handler serves its streams, as it does those that do not come plainly. */
  readonly isRouted?: boolean;
}

async function start(node: number, options: StartOptions = {}): Promise<Node> {
  let mesh: PeerMesh | undefined;
  const introduce = (): Introduction => introductionOf(node);
  const connections = createConnections();
  const accept: PeerMesh["accept"] = (requests) =>
    mesh === undefined || options.isStarting === true
      ? refusingStream(STARTING)
      : mesh.accept(requests);
  const rpc = createRpcHandler({
    ...{ connections, clock: systemClock },
    doors: options.isRouted === true ? [] : [exchangeDoor(accept)],
    routes: (router) => registerPeers(router, { accept, introduce, join: joinAs(node) }),
  });
  const opened = await openFrontPort({
    ...{ host: "127.0.0.1", port: options.port ?? 0, clock: systemClock, connections },
    ...(options.tls === undefined ? {} : { tls: options.tls.port }),
    handler: (request, response) => void rpc(request, response),
  });
  if (opened.kind !== "open") throw new Error(opened.detail);
  const member = { node, incarnation: 0, address: new URL(opened.port.url).host };
  mesh = createPeerMesh({
    self: { ...member, clusterId: CLUSTER_ID, version: "1.0.0" },
    ...{ clock: systemClock, prng: createPrng(BigInt(node)), log: () => {} },
    dialer: createPeerDialer(options.tls?.dialer),
  });
  const received: GroupMessage[] = [];
  const unreachable: number[] = [];
  mesh.serve((_from, request) => Promise.resolve(request.toReversed()));
  mesh.bindHost({
    receive: (_from, messages) => received.push(...messages),
    unreachable: (replica) => unreachable.push(replica),
  });
  const stop = async (): Promise<void> => {
    await mesh.close();
    await opened.port.close(0);
  };
  const started = { member, mesh, received, unreachable, port: opened.port, stop };
  running.push(started);
  return started;
}

function introductionOf(node: number): Introduction {
  return {
    ...{ protocolVersion: 1, version: "1.0.0", clusterId: hexOf(CLUSTER_ID), partitionCount: 8 },
    ...{ node, incarnation: 0, state: "unformed", nonce: "abc", recorded: {}, hasLeader: false },
    ...{ listed: [], members: [], membersAsOf: 0 },
  };
}

const joinAs = (node: number) => (request: JoinRequest) =>
  Promise.resolve({
    kind: "refused" as const,
    reason: "in-use" as const,
    detail: `${request.node} asked ${node}`,
  });

function introduceAll(...nodes: readonly Node[]): void {
  const members = nodes.map(({ member }) => member);
  for (const { mesh } of nodes) mesh.setMembers(members, 0);
}

async function untilConnected(...nodes: readonly Node[]): Promise<void> {
  await vi.waitFor(() => {
    for (const { mesh } of nodes) {
      expect(mesh.peers().every(({ isConnected }) => isConnected)).toBe(true);
    }
  }, WAIT);
}

const WAIT = { timeout: 30_000, interval: 5 };

const vote = (raftTerm: number): GroupMessage => ({
  group: 3,
  message: { kind: "vote-response", raftTerm, isGranted: true },
});

const append = (bytes: number): GroupMessage => ({
  group: 3,
  message: {
    kind: "append-entries",
    ...{ raftTerm: 1, prevLogIndex: 0, prevLogRaftTerm: 0, leaderCommit: 0 },
    entries: [{ index: 1, raftTerm: 1, type: "proposal", bytes: new Uint8Array(bytes).fill(5) }],
  },
});

describe.each([
  ["clear text", false],
  ["TLS", false],
  ["clear text, with Connect's handler at the other end,", true],
])("two nodes over sockets, in %s", (kind, isRouted) => {
  const options = (): StartOptions => ({ isRouted, ...(kind === "TLS" ? { tls } : {}) });

  test("exchange messages and calls both ways", async () => {
    const [one, two] = [await start(1, options()), await start(2, options())];
    introduceAll(one, two);
    await untilConnected(one, two);

    one.mesh.send(replicaIdOf(2, 0), [vote(1), append(100)]);
    two.mesh.send(replicaIdOf(1, 0), [vote(2)]);
    const giveUpAtMs = systemClock.monotonicMs() + 30_000;
    const answer = await one.mesh.call(2, new Uint8Array([1, 2, 3]), { giveUpAtMs });

    expect(answer).toEqual({ kind: "answered", answer: new Uint8Array([3, 2, 1]) });
    await vi.waitFor(() => expect(one.received).toEqual([vote(2)]), WAIT);
    await vi.waitFor(() => expect(two.received).toHaveLength(2), WAIT);
    expect(two.received[0]).toEqual(vote(1));
  });

  test("carry an entry of 2 MiB, for which no other service would read a frame", async () => {
    const [one, two] = [await start(1, options()), await start(2, options())];
    introduceAll(one, two);
    await untilConnected(one, two);

    one.mesh.send(replicaIdOf(2, 0), [append(2 * 1024 * 1024)]);

    await vi.waitFor(() => expect(two.received).toHaveLength(1), WAIT);
    const message = two.received[0]?.message;
    expect(message?.kind === "append-entries" && message.entries[0]?.bytes.length).toBe(2 ** 21);
  });

  test("say who they are, and what they think of one who wants to join", async () => {
    const one = await start(1, options());
    const dialer = createPeerDialer(options().tls?.dialer);
    const { address } = one.member;
    const request = { ...introductionOf(4), address: "10.0.0.4:1" };

    expect(await dialer.introduce(address, 30_000, never)).toEqual(introductionOf(1));
    expect(await dialer.join(address, request, 30_000, never)).toMatchObject({
      detail: "4 asked 1",
    });
    expect(await dialer.join(address, { ...request, node: 0 }, 30_000, never)).toMatchObject({
      reason: "malformed",
    });
  });
});

describe("a node whose peer", () => {
  test("stops is told at once, and finds it again at its old address", async () => {
    const [one, two] = [await start(1), await start(2)];
    introduceAll(one, two);
    await untilConnected(one, two);
    one.unreachable.length = 0;

    await two.stop();
    await vi.waitFor(() => expect(one.unreachable).toEqual([replicaIdOf(2, 0)]), WAIT);
    const again = await start(2, { port: Number(new URL(two.port.url).port) });
    introduceAll(one, again);
    await untilConnected(one, again);
    one.mesh.send(replicaIdOf(2, 0), [vote(7)]);

    await vi.waitFor(() => expect(again.received).toEqual([vote(7)]), WAIT);
  });

  test("starts is introduced to it, and talks to it when it has started", async () => {
    const one = await start(1);
    const two = await start(2, { isStarting: true });
    introduceAll(one, two);
    const dialer = createPeerDialer();

    expect(await dialer.introduce(two.member.address, 30_000, never)).toMatchObject({ node: 2 });
    await vi.waitFor(() => expect(two.mesh.peers()[0]?.isConnected).toBe(true), WAIT);
    expect(one.mesh.peers()[0]?.isConnected).toBe(false);
  });
});

describe("a dialer", () => {
  test("takes nobody's word where nobody answers, or no node", async () => {
    const dialer = createPeerDialer();

    expect(await dialer.introduce("127.0.0.1:1", 30_000, never)).toBeUndefined();
    expect(await dialer.introduce("no address at all", 30_000, never)).toBeUndefined();
  });

  test("that is stopped waits for nobody who says nothing", async () => {
    const server = createServer((socket) => socket.on("error", () => {}).resume());
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const address = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    const dialer = createPeerDialer();
    const over = new AbortController();
    const request = { ...introductionOf(4), address: "10.0.0.4:1" };

    const asked = [
      dialer.introduce(address, 3_600_000, over.signal),
      dialer.join(address, request, 3_600_000, over.signal),
    ];
    over.abort();

    expect(await Promise.all(asked)).toEqual([undefined, undefined]);
    server.close();
  });

  test("does not trust a certificate that nobody it trusts has signed", async () => {
    const one = await start(1, { tls });

    expect(await createPeerDialer({}).introduce(one.member.address, 30_000, never)).toBeUndefined();
    const careless = createPeerDialer({ rejectUnauthorized: false });
    expect(await careless.introduce(one.member.address, 30_000, never)).toMatchObject({ node: 1 });
  });
});

describe("a mesh that dials", () => {
  test.each<[string, (socket: Socket) => void]>([
    ["accepts and says nothing", () => {}],
    ["hangs up", (socket) => socket.destroy()],
    ["resets the connection", (socket) => socket.resetAndDestroy()],
    ["speaks another protocol", (socket) => socket.end("220 mail.example.org ESMTP\r\n")],
    ["goes in the midst of a frame", (socket) => socket.end("\0\0\x12\x04\0\0\0\0\0\0")],
  ])("a port that %s tries again, and closes in peace", async (_, behave) => {
    let dialled = 0;
    const server = createServer((socket) => {
      dialled++;
      socket.on("error", () => {});
      // Else it would not see that the mesh has gone.
      socket.resume();
      behave(socket);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    const clock = createManualClock();
    const self = { node: 1, incarnation: 0, address: "127.0.0.1:1" };
    const mesh = createPeerMesh({
      self: { ...self, clusterId: CLUSTER_ID, version: "1.0.0" },
      ...{ clock, prng: createPrng(1n), log: () => {}, dialer: createPeerDialer() },
    });

    mesh.setMembers([{ node: 2, incarnation: 0, address: `127.0.0.1:${port}` }], 0);
    await vi.waitFor(() => {
      clock.advance(1_000);
      expect(dialled).toBeGreaterThan(3);
    }, WAIT);

    expect(mesh.peers()[0]?.isConnected).toBe(false);
    await mesh.close();
    expect(clock.pendingTimers).toBe(0);
    await new Promise((resolve) => server.close(resolve));
  });
});

describe("the peers' door", () => {
  test.each(["clear text", "TLS"])("speaks Connect with any client, in %s", async (kind) => {
    const one = await start(1, kind === "TLS" ? { tls } : {});
    const two = { node: 2, incarnation: 0, address: "127.0.0.1:1" };
    one.mesh.setMembers([one.member, two], 0);
    const nodeOptions = kind === "TLS" ? tls.dialer : {};
    const baseUrl = one.port.url;
    const transport = createConnectTransport({ baseUrl, httpVersion: "2", nodeOptions });
    const client = createClient(PeerService, transport);
    const self = { ...two, clusterId: CLUSTER_ID, version: "1.0.0" };
    const over = new AbortController();
    const requests = [
      emptyRequest(helloOf(self, 1, 0, "messages")),
      {
        ...emptyRequest(),
        raft: [raftMessageMessageOf(3, vote(4).message as SingleMessage)],
        ping: 7n,
      },
    ];

    const heard: ExchangeResponse[] = [];
    for await (const response of client.exchange(eachAndOn(requests, over.signal))) {
      heard.push(response);
      if (response.pong === 7n) over.abort();
    }

    expect(heard[0]?.welcome).toMatchObject({ node: 1, version: "1.0.0" });
    expect(one.received).toEqual([vote(4)]);
  });

  test("refuses a Connect client with a last frame and ends the stream in order", async () => {
    const one = await start(1);
    const transport = createConnectTransport({ baseUrl: one.port.url, httpVersion: "2" });
    const client = createClient(PeerService, transport);

    const heard: ExchangeResponse[] = [];
    for await (const response of client.exchange(each([emptyRequest()]))) heard.push(response);

    expect(heard).toMatchObject([{ refusal: { reason: RefusalReason.MALFORMED } }]);
  });

  test("reads no frame above 4 MiB, and goes on with the next stream", async () => {
    const [one, two] = [await start(1), await start(2)];
    const transport = createConnectTransport({ baseUrl: one.port.url, httpVersion: "2" });
    const client = createClient(PeerService, transport);
    const call = { correlation: 1n, timeoutMs: 1, request: new Uint8Array(5 * 1024 * 1024) };

    const heard: ExchangeResponse[] = [];
    for await (const response of client.exchange(each([{ calls: [call] }]))) heard.push(response);

    expect(heard).toEqual([]);
    introduceAll(one, two);
    await untilConnected(one, two);
  });

  test("survives a connection that breaks in the midst of a frame", async () => {
    const [one, two] = [await start(1), await start(2)];
    const socket = connectTcp(Number(new URL(one.port.url).port), "127.0.0.1");
    socket.on("error", () => {});
    await new Promise((resolve) => socket.once("connect", resolve));

    socket.write("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0");
    socket.resetAndDestroy();

    introduceAll(one, two);
    await untilConnected(one, two);
  });
});

/** The items, and then nothing until the end. */
async function* eachAndOn<Item>(items: readonly Item[], over: AbortSignal): AsyncGenerator<Item> {
  yield* items;
  await once(over, "abort");
}

async function* each<Item>(items: readonly Item[]): AsyncGenerator<Item> {
  yield* items;
}
