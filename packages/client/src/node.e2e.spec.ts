// SPDX-License-Identifier: Apache-2.0
/**
 * The client against real server processes, over real sockets, in real processes of its own. Waits
 * are for conditions, each bounded. Needs the built command line (`tsc -b apps/cli`).
 */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { connect } from "./node.ts";

const CONCLAVE = fileURLToPath(new URL("../../../apps/cli/bin/conclave.js", import.meta.url));
const SDK = new URL("../dist/index.js", import.meta.url).href;
const BOUND_MS = 30_000;
const TTL_MS = 1_000;

/** A candidate in a process of its own: serves an election, says what it sees, does as it is told. */
const CANDIDATE = `
import { createInterface } from "node:readline";

const [sdk, url, election, candidate, ttlMs, graceMs] = process.argv.slice(1);
const { connect } = await import(sdk);
const say = (line) => console.log(line);

const client = await connect({ endpoints: [url] });
let held;
const look = () => {
  try {
    return String(held?.assertHeld());
  } catch (error) {
    return error.code;
  }
};

createInterface({ input: process.stdin }).on("line", (line) => {
  const [command, ms] = line.split(" ");
  if (command === "block") {
    const end = performance.now() + Number(ms);
    while (performance.now() < end);
    say("after block " + look());
  }
  if (command === "look") say("look " + look());
});

await client.election(election).serve(
  async (leadership) => {
    held ??= leadership;
    say("leading " + leadership.fence.term);
    await new Promise((resolve) => leadership.signal.addEventListener("abort", resolve));
  },
  {
    candidate,
    ttlMs: Number(ttlMs),
    graceMs: Number(graceMs),
    onState: (state) => state !== "connecting" && say("entered"),
  },
);
`;

/** Clients that lead, and say when none of their connections is left, not even half open. */
const CROWD = `
const [sdk, url] = process.argv.slice(1);
const { connect } = await import(sdk);
const clients = [];
for (let n = 0; n < 4; n++) {
  clients.push(await connect({ endpoints: [url] }));
  await clients[n].election("crowd-" + n).campaign();
}
console.log("leading");
const sockets = () => process.getActiveResourcesInfo().filter((name) => name === "TCPSocketWrap");
while (sockets().length > 0) await new Promise((resolve) => setTimeout(resolve, 1));
console.log("alone");
process.exit();
`;

const cleanups: (() => Promise<unknown>)[] = [];
let shared: Server;

beforeAll(async () => {
  shared = await startServer();
});

afterAll(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

// Each scene has an election of its own, and mostly waits: they are played side by side.

test.concurrent("a real server elects, moves and lists, and the client closes without a trace", async () => {
  const client = await connect({ endpoints: [shared.url] });
  const orders = client.election("orders");

  const value = await orders.lead(async ({ fence }) => String(fence), { ttlMs: TTL_MS });
  const leadership = await orders.campaign({ candidate: "a", ttlMs: TTL_MS });
  await leadership.update({ zone: "1" });

  expect(value).toBe("orders#1");
  expect(await orders.get()).toMatchObject({ term: 2n, leader: { metadata: { zone: "1" } } });
  expect((await orders.checkFence(2n)).status).toBe("current");
  await client.close();
  expect(leadership.signal.reason).toMatchObject({ code: "CLOSED" });
});

test.concurrent("a leader stays the leader over a restart of the server, and renews on", async () => {
  const server = await startServer();
  const client = await connect({ endpoints: [server.url] });
  cleanups.push(() => client.close());
  const leadership = await client.election("orders").campaign({ ttlMs: 10_000 });

  await server.restart();
  await until(() => client.state === "connected" && leadership.remainingMs > 9_000);

  expect(String(leadership.assertHeld())).toBe("orders#1");
});

test.concurrent("a server that stops is left by all connections, whatever they had not read", async () => {
  const server = await startServer();
  const crowd = spawn(process.execPath, ["--input-type=module", "--eval", CROWD, SDK, server.url], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  cleanups.push(() => ended(crowd));
  const lines: string[] = [];
  createInterface({ input: crowd.stdout! }).on("line", (line) => lines.push(line));
  await until(() => lines.includes("leading"), lines);

  await server.stop();

  await until(() => lines.includes("alone"), lines);
});

test.concurrent("A2: a process whose loop was blocked past its lease does not believe, at its first look", async () => {
  const blocked = await startCandidate("blocked", "a");
  await blocked.says("leading 1");
  const other = await startCandidate("blocked", "b");

  // Longer than the TTL by far: the other one leads before this one looks.
  blocked.tell("block 2500");

  await other.says("leading 2");
  await blocked.says("after block EXPIRED");
});

test.concurrent("A1: a process that was stopped and goes on does not believe, at its first look", async () => {
  const stopped = await startCandidate("stopped", "a");
  await stopped.says("leading 1");
  const other = await startCandidate("stopped", "b");

  stopped.process.kill("SIGSTOP");
  await other.says("leading 2");
  stopped.tell("look");
  stopped.process.kill("SIGCONT");

  await stopped.says("look EXPIRED");
});

test.concurrent("a process that is killed falls after the grace it asked for, not after its TTL", async () => {
  const killed = await startCandidate("killed", "a", ["60000", "300"]);
  await killed.says("leading 1");
  const other = await startCandidate("killed", "b");

  killed.process.kill("SIGKILL");

  await other.says("leading 2");
});

interface Server {
  readonly url: string;
  restart(): Promise<void>;
  stop(): Promise<void>;
}

async function startServer(): Promise<Server> {
  const directory = await mkdtemp(join(tmpdir(), "conclave-client-"));
  cleanups.push(() => rm(directory, { recursive: true, force: true }));
  const run = async (listen: string): Promise<{ process: ChildProcess; url: string }> => {
    const args = ["server", "--node", "1", "--listen", listen, "--data-dir", directory];
    const process = spawn(globalThis.process.execPath, [CONCLAVE, ...args], {
      stdio: ["ignore", "pipe", "ignore"],
    });
    const [line = ""] = await linesOf(process, (lines) => lines.length > 0);
    return { process, url: line.split(" ").at(-1) ?? "" };
  };
  let current = await run("127.0.0.1:0");
  cleanups.push(() => ended(current.process));
  const { url } = current;
  return {
    url,
    stop: () => ended(current.process),
    restart: async () => {
      await ended(current.process);
      current = await run(new URL(url).host);
    },
  };
}

interface CandidateProcess {
  readonly process: ChildProcess;
  tell(line: string): void;
  /** Resolves when it has said this line, now or earlier. */
  says(line: string): Promise<void>;
}

async function startCandidate(
  election: string,
  name: string,
  times: readonly string[] = [String(TTL_MS), "0"],
): Promise<CandidateProcess> {
  const script = [
    "--input-type=module",
    "--eval",
    CANDIDATE,
    SDK,
    shared.url,
    election,
    name,
    ...times,
  ];
  const process = spawn(globalThis.process.execPath, script, {
    stdio: ["pipe", "pipe", "inherit"],
  });
  cleanups.push(async () => {
    process.kill("SIGCONT");
    process.kill("SIGKILL");
    await ended(process);
  });
  const lines: string[] = [];
  createInterface({ input: process.stdout! }).on("line", (line) => lines.push(line));
  const says = (line: string): Promise<void> => until(() => lines.includes(line), lines);
  await says("entered");
  return { process, says, tell: (line) => void process.stdin?.write(`${line}\n`) };
}

async function linesOf(
  process: ChildProcess,
  enough: (lines: readonly string[]) => boolean,
): Promise<string[]> {
  const lines: string[] = [];
  createInterface({ input: process.stdout! }).on("line", (line) => lines.push(line));
  await until(() => enough(lines), lines);
  return lines;
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
