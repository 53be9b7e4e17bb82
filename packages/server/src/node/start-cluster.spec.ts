// SPDX-License-Identifier: Apache-2.0
// Nodes of one cluster on real disks and real ports, in one process: how they find together, how one
// is added or comes back as somebody else, and what a wrong list is told.
import { mkdtemp, open, readdir, readFile, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ElectionService, SessionService } from "@conclave/api";
import { type Client, createClient } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import { generate } from "selfsigned";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { ListedMember } from "../member/cluster-id.ts";
import type { NodeFailure, NodeOptions, StartedNode } from "./node-options.ts";
import { startNode } from "./start-node.ts";

vi.setConfig({ testTimeout: 60_000 });
const waiting = { timeout: 30_000, interval: 20 };

let directory: string;
let logged: string[];
const started: StartedNode[] = [];

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "conclave-cluster-"));
  logged = [];
});

afterEach(async () => {
  await Promise.all(started.splice(0).map((node) => node.stop(0)));
  await rm(directory, { recursive: true });
});

/** Members at ports that were free a moment ago. */
async function listOf(count: number): Promise<readonly ListedMember[]> {
  const servers = Array.from({ length: count }, () => createServer());
  const ports = await Promise.all(
    servers.map(
      (server) =>
        new Promise<number>((resolve) => {
          server.listen(0, "127.0.0.1", () => {
            const address = server.address();
            resolve(typeof address === "object" && address !== null ? address.port : 0);
          });
        }),
    ),
  );
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports.map((port, i) => ({ node: i + 1, address: `127.0.0.1:${port}` }));
}

const dataDirectory = (node: number): string => join(directory, `node-${node}`);

function attempt(
  { node, address }: ListedMember,
  options: Partial<NodeOptions> = {},
): Promise<StartedNode | NodeFailure> {
  return startNode({
    node,
    host: "127.0.0.1",
    port: Number(address.split(":")[1]),
    address,
    members: undefined,
    join: [],
    dataDirectory: dataDirectory(node),
    partitionCount: undefined,
    clusterToken: undefined,
    corsOrigins: [],
    consoleDirectory: undefined,
    version: "test",
    log: (_level, message) => logged.push(message),
    ...options,
  });
}

async function start(
  member: ListedMember,
  options: Partial<NodeOptions> = {},
): Promise<StartedNode> {
  const node = await attempt(member, options);
  if (node.kind !== "started") throw new Error(`${node.reason}: ${node.detail}`);
  started.push(node);
  return node;
}

async function stop(node: StartedNode): Promise<void> {
  started.splice(started.indexOf(node), 1);
  await node.stop();
}

const first = { partitionCount: 2 };

async function startAll(
  members: readonly ListedMember[],
  options: Partial<NodeOptions> = { ...first, members },
): Promise<readonly StartedNode[]> {
  const nodes = await Promise.all(members.map((member) => start(member, options)));
  await Promise.all(nodes.map(ready));
  return nodes;
}

async function ready({ url }: StartedNode): Promise<void> {
  const probe = async () => (await fetch(`${url}/readyz`)).text();
  await expect.poll(probe, waiting).toBe("ready\n");
}

const election = { name: "orders" };

function at({ url }: StartedNode): {
  readonly sessions: Client<typeof SessionService>;
  readonly elections: Client<typeof ElectionService>;
} {
  const transport = createConnectTransport({ baseUrl: url, httpVersion: "2" });
  return {
    sessions: createClient(SessionService, transport),
    elections: createClient(ElectionService, transport),
  };
}

async function enter(node: StartedNode, candidate: string): Promise<void> {
  const { sessions, elections } = at(node);
  await sessions.openSession({ sessionId: 5n, options: { ttl: { seconds: 60n } } });
  await elections.enter({ election, command: { sessionId: 5n, number: 1n }, candidate });
}

async function leaderAt(node: StartedNode): Promise<string | undefined> {
  const { view } = await at(node).elections.get({ election });
  return view?.leader?.name;
}

/** Two of three are enough to acknowledge what the third has yet to hear of. */
async function heardOf(candidate: string, node: StartedNode): Promise<void> {
  const { elections } = at(node);
  const leader = async () => (await elections.get({ election, stale: true })).view?.leader?.name;
  await expect.poll(leader, waiting).toBe(candidate);
}

async function identityOf(node: number): Promise<Record<string, unknown>> {
  return JSON.parse(await readFile(join(dataDirectory(node), "identity.json"), "utf8"));
}

describe("a first start with a list", () => {
  test("serves at every member what was entered at one, and again after all were stopped", async () => {
    const members = await listOf(3);
    const nodes = await startAll(members);
    await enter(nodes[1]!, "a");
    for (const node of nodes) expect(await leaderAt(node)).toBe("a");
    await Promise.all(nodes.map(stop));
    // The list is in the directories by now.
    const again = await startAll(members, {});
    for (const node of again) expect(await leaderAt(node)).toBe("a");
  });

  test("waits for every listed member, says for whom, and refuses calls meanwhile", async () => {
    const [a, b, c] = await listOf(3);
    const options = { ...first, members: [a!, b!, c!] };
    const nodes = [await start(a!, options), await start(b!, options)];
    await expect
      .poll(() => logged.join("\n"), waiting)
      .toContain(`waiting for node 3 at ${c!.address}`);
    for (const node of nodes) {
      expect((await fetch(`${node.url}/healthz`)).status).toBe(200);
      const probe = await fetch(`${node.url}/readyz`);
      expect(probe.status).toBe(503);
      expect(await probe.text()).toBe("waiting for the other members of the first start\n");
      await expect(leaderAt(node)).rejects.toThrow("unavailable");
    }
    nodes.push(await start(c!, options));
    await Promise.all(nodes.map(ready));
  });

  test("that differs from that of others is refused by naming the difference, and can be corrected", async () => {
    const [a, b, c] = await listOf(3);
    const members = [a!, b!];
    const one = await start(a!, { ...first, members });
    const two = await start(b!, { ...first, members: [...members, c!] });
    const failure = await Promise.race([one.failed, two.failed]);
    expect(failure.reason).toBe("refused");
    expect(failure.detail).toContain(`3=${c!.address}`);
    await stop(one);
    await stop(two);
    const nodes = [await start(a!, { ...first, members }), await start(b!, { ...first, members })];
    await Promise.all(nodes.map(ready));
  });

  test("speaks TLS between members that trust one authority", async () => {
    const members = await listOf(2);
    const altNames = [{ type: 7 as const, ip: "127.0.0.1" }];
    const made = await generate([{ name: "commonName", value: "127.0.0.1" }], {
      keySize: 2048,
      extensions: [{ name: "subjectAltName", altNames }],
    });
    const tls = { certificate: made.cert, key: made.private, authority: made.cert };
    const nodes = await Promise.all(
      members.map((member) => start(member, { ...first, members, tls })),
    );
    const connected = async () => {
      const transport = createConnectTransport({
        baseUrl: nodes[0]!.url,
        httpVersion: "2",
        nodeOptions: { ca: made.cert },
      });
      const { view } = await createClient(ElectionService, transport).get({ election });
      return view?.term;
    };
    await expect.poll(() => connected().catch(() => undefined), waiting).toBe(0n);
  });
});

describe("a node that comes later", () => {
  test("joins by the URL of any member and serves as the others do", async () => {
    const [a, b] = await listOf(2);
    const [one] = await startAll([a!]);
    await enter(one!, "a");
    const two = await start(b!, { join: [one!.url] });
    await ready(two);
    expect(await leaderAt(two)).toBe("a");
    await expect.poll(async () => (await identityOf(2))["state"], waiting).toBe("formed");
    // It knows the way by itself now.
    await stop(two);
    const again = await start(b!);
    await ready(again);
    expect(await leaderAt(again)).toBe("a");
  });

  test("finds a cluster of one that has moved since it was made", async () => {
    const [a, b, c] = await listOf(3);
    const alone = { address: undefined };
    await stop((await startAll([a!], { ...first, ...alone }))[0]!);
    const one = await start({ ...b!, node: 1 }, alone);
    await ready(one);
    const two = await start({ ...c!, node: 2 }, { join: [one.url] });
    await ready(two);
    await enter(two, "a");
    expect(await leaderAt(one)).toBe("a");
  });

  test("that comes back on another port than the others know is told so", async () => {
    const [a, b] = await listOf(2);
    const [one] = await startAll([a!]);
    const two = await start(b!, { join: [one!.url] });
    await ready(two);
    await expect.poll(async () => (await identityOf(2))["state"], waiting).toBe("formed");
    await stop(two);
    const elsewhere = await attempt(b!, { port: 1, address: undefined });
    expect(elsewhere).toMatchObject({ kind: "failed", reason: "misplaced" });
    expect(elsewhere.kind === "failed" && elsewhere.detail).toContain(b!.address);
    await ready(await start(b!, { address: undefined }));
  });

  test("whose directory was wiped is somebody else, and is taken in again", async () => {
    const members = await listOf(3);
    const nodes = await startAll(members);
    await enter(nodes[0]!, "a");
    await stop(nodes[2]!);
    await rm(dataDirectory(3), { recursive: true });
    const again = await start(members[2]!, { ...first, members });
    await ready(again);
    expect(await leaderAt(again)).toBe("a");
    expect((await identityOf(3))["incarnation"]).not.toBe(0);
  });

  test("that is told of a number which another has is refused", async () => {
    const [a, b] = await listOf(2);
    const [one] = await startAll([a!], { ...first, members: [a!] });
    const other = { node: 1, address: b!.address };
    await start(other, { join: [one!.url], dataDirectory: dataDirectory(9) });
    await expect.poll(() => logged.join("\n"), waiting).toContain("acts as this node");
  });
});

describe("a log that is damaged", () => {
  async function damage(node: number): Promise<void> {
    const log = join(dataDirectory(node), "log");
    const segment = (await readdir(log)).find((name) => name.startsWith("log-"));
    const file = await open(join(log, segment ?? ""), "r+");
    // Behind the header, in what was acknowledged.
    await file.write(Uint8Array.of(255, 255, 255, 255), 0, 4, 300);
    await file.close();
  }

  test("is put aside where the others have it all, and the node heals from them", async () => {
    const members = await listOf(3);
    const nodes = await startAll(members);
    await enter(nodes[0]!, "a");
    await heardOf("a", nodes[2]!);
    await stop(nodes[2]!);
    await damage(3);
    const again = await start(members[2]!);
    await ready(again);
    expect(await leaderAt(again)).toBe("a");
    expect(await readdir(dataDirectory(3))).toContain("log-damaged-1");
    expect(await identityOf(3)).toMatchObject({ isLogStale: false });
    expect((await identityOf(3))["incarnation"]).not.toBe(0);
  });

  test("as is one whose identity is gone, if the list says who it may have been", async () => {
    const members = await listOf(3);
    const nodes = await startAll(members);
    await enter(nodes[0]!, "a");
    await stop(nodes[2]!);
    await rm(join(dataDirectory(3), "identity.json"));
    const again = await start(members[2]!, { ...first, members });
    await ready(again);
    expect(await leaderAt(again)).toBe("a");
    expect((await identityOf(3))["incarnation"]).not.toBe(0);
  });

  test("is left as it is where nobody else has it, and the node does not start", async () => {
    const members = await listOf(1);
    const [node] = await startAll(members);
    await enter(node!, "a");
    await stop(node!);
    await damage(1);
    expect(await attempt(members[0]!)).toMatchObject({ kind: "failed", reason: "damaged" });
    expect(await readdir(dataDirectory(1))).not.toContain("log-damaged-1");
  });
});
