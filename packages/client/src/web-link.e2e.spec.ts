// SPDX-License-Identifier: Apache-2.0
/**
 * The link of pages against real server processes, over Node's own fetch and HTTP/1.1, by either
 * protocol. Needs the built command line (`tsc -b apps/cli`).
 */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, request as forward } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Client } from "./election.ts";
import type { Change } from "./view.ts";
import { connect, type WebConnectOptions } from "./web.ts";

const CONCLAVE = fileURLToPath(new URL("../../../apps/cli/bin/conclave.js", import.meta.url));
const BOUND_MS = 30_000;

const cleanups: (() => Promise<unknown>)[] = [];
let shared: Server;

beforeAll(async () => {
  shared = await startServer();
}, BOUND_MS);

afterAll(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

describe.concurrent.each(["connect", "grpc-web"] as const)("over %s", (protocol) => {
  test.concurrent("a real server elects, moves, lists and refuses", async () => {
    const client = await start({ endpoints: [shared.url], protocol });
    const orders = client.election(`orders-${protocol}`);

    const value = await orders.lead(async ({ fence }) => String(fence), { ttlMs: 10_000 });
    const leadership = await orders.campaign({ candidate: "a", ttlMs: 10_000 });
    await leadership.update({ zone: "1" });

    expect(value).toBe(`orders-${protocol}#1`);
    expect(await orders.get()).toMatchObject({ term: 2n, leader: { metadata: { zone: "1" } } });
    expect((await orders.checkFence(2n)).status).toBe("current");
    const names: string[] = [];
    for await (const { election } of client.list("orders-")) names.push(election);
    expect(names).toContain(`orders-${protocol}`);
    await expect(orders.admin.evict("nobody")).rejects.toMatchObject({
      code: "NOT_FOUND",
      outcome: "not-applied",
    });
    await client.close();
    expect(leadership.signal.reason).toMatchObject({ code: "CLOSED" });
  });

  test.concurrent("a leader holds on for several TTLs, and the next one leads when its client closes", async () => {
    const [a, b] = [
      await start({ endpoints: [shared.url], protocol }),
      await start({ endpoints: [shared.url], protocol }),
    ];
    const name = `next-${protocol}`;
    const first = await a.election(name).campaign({ candidate: "a", ttlMs: 4_000 });
    const second = b.election(name).campaign({ candidate: "b", ttlMs: 60_000 });
    const endMs = performance.now() + 9_000;
    await until(() => performance.now() > endMs);
    expect(String(first.assertHeld())).toBe(`${name}#1`);

    await a.close();

    expect(String((await second).assertHeld())).toBe(`${name}#2`);
  });

  test.concurrent("an office that an operator moves is lost, and told to who watches", async () => {
    const client = await start({ endpoints: [shared.url], protocol });
    const election = client.election(`moved-${protocol}`);
    const causes: string[] = [];
    void follow(election.watch(), (change) => causes.push(change.type));
    const leadership = await election.campaign({ candidate: "a", ttlMs: 60_000 });
    const others = [election.get(), client.namespace("elsewhere").election("x").get()];
    await Promise.all(others);

    await election.admin.evict("a", { reason: "for once" });

    await until(() => leadership.signal.aborted);
    expect(leadership.signal.reason).toMatchObject({ code: "EVICTED" });
    await until(() => causes.includes("vacant"), causes);
  });

  test.concurrent("a leader stays the leader over a restart of the server, and a watch misses nothing", async () => {
    const server = await startServer();
    const client = await start({ endpoints: [server.url], protocol });
    const leadership = await client.election("orders").campaign({ ttlMs: 60_000 });
    const terms: bigint[] = [];
    void follow(client.election("other").watch(), (change) => {
      if (change.type === "elected") terms.push(change.view.term);
    });
    await client.election("other").lead(async () => {});
    await until(() => terms.length === 1);

    await server.restart();
    await until(() => client.state === "connected" && leadership.remainingMs > 58_000);
    await client.election("other").lead(async () => {});

    expect(String(leadership.assertHeld())).toBe("orders#1");
    await until(() => terms.length === 2);
    expect(terms).toEqual([1n, 2n]);
  });
});

test.concurrent("through a proxy that passes no answer on before its end the page polls, and is told all the same", async () => {
  const proxy = await startHoldingProxy(shared.url);
  const [held, free] = [
    await start({ endpoints: [proxy], timeoutMs: 30_000 }),
    await start({ endpoints: [shared.url] }),
  ];
  const seen: string[] = [];
  void follow(held.election("held").watch(), (change) => {
    if ("view" in change) seen.push(change.view.leader?.id ?? "nobody");
  });
  const first = await held.election("held").campaign({ candidate: "a", ttlMs: 10_000 });
  const second = free.election("held").campaign({ candidate: "b", ttlMs: 60_000 });
  await until(() => seen.includes("a"), seen);

  await until(() => seen.length >= 3, seen);
  await free.election("held").admin.anoint("b");

  await until(() => first.signal.aborted && seen.includes("b"), seen);
  expect(first.signal.reason).toMatchObject({ code: "SUPERSEDED" });
  expect(String((await second).assertHeld())).toBe("held#2");
});

async function start(options: WebConnectOptions): Promise<Client> {
  const client = await connect(options);
  cleanups.push(() => client.close());
  return client;
}

async function follow(
  changes: AsyncIterable<Change>,
  see: (change: Change) => void,
): Promise<void> {
  try {
    for await (const change of changes) see(change);
  } catch {
    // Its client was closed.
  }
}

interface Server {
  readonly url: string;
  restart(): Promise<void>;
}

async function startServer(): Promise<Server> {
  const directory = await mkdtemp(join(tmpdir(), "conclave-web-"));
  cleanups.push(() => rm(directory, { recursive: true, force: true }));
  const run = async (listen: string): Promise<{ process: ChildProcess; url: string }> => {
    const args = ["server", "--node", "1", "--listen", listen, "--data-dir", directory];
    const process = spawn(globalThis.process.execPath, [CONCLAVE, ...args], {
      stdio: ["ignore", "pipe", "ignore"],
    });
    const lines: string[] = [];
    createInterface({ input: process.stdout! }).on("line", (line) => lines.push(line));
    await until(() => lines.length > 0, lines);
    return { process, url: lines[0]?.split(" ").at(-1) ?? "" };
  };
  let current = await run("127.0.0.1:0");
  cleanups.push(() => ended(current.process));
  const { url } = current;
  return {
    url,
    restart: async () => {
      await ended(current.process);
      current = await run(new URL(url).host);
    },
  };
}

/** Answers as the node does, with everything at once. */
async function startHoldingProxy(url: string): Promise<string> {
  const proxy = createServer((request, response) => {
    const headers = { ...request.headers, host: new URL(url).host };
    const asked = forward(url + request.url, { method: "POST", headers }, (answer) => {
      const chunks: Buffer[] = [];
      answer.on("data", (chunk) => chunks.push(chunk));
      answer.on("end", () => {
        response.writeHead(answer.statusCode ?? 502, answer.headers);
        response.end(Buffer.concat(chunks));
      });
      answer.on("error", () => response.destroy());
    });
    asked.on("error", () => response.destroy());
    response.on("close", () => asked.destroy());
    request.pipe(asked);
  });
  await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
  cleanups.push(async () => {
    proxy.closeAllConnections();
    await new Promise((resolve) => proxy.close(resolve));
  });
  return `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
}

async function ended(process: ChildProcess): Promise<void> {
  if (process.exitCode !== null || process.signalCode !== null) return;
  const exited = new Promise((resolve) => process.once("exit", resolve));
  process.kill("SIGTERM");
  await exited;
}

/** Looks again in each turn of the clock until it is so; fails with what was seen instead. */
async function until(isSo: () => boolean, seen: readonly string[] = []): Promise<void> {
  const endMs = performance.now() + BOUND_MS;
  while (!isSo()) {
    if (performance.now() > endMs) throw new Error(`not within ${BOUND_MS} ms: ${seen.join(", ")}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
