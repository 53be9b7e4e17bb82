// SPDX-License-Identifier: Apache-2.0
// The daemon as a process of its own, as `conclave server` starts it from dist: what it says, what it
// answers to signals, and the exit code of each fault. Needs no privileges: a disk that is full is
// shown by a limit on the size of files, a directory that cannot be written by a file in its place.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { request as httpsRequest } from "node:https";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { ElectionService, SessionService } from "@conclave/api";
import { createClient } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import { generate } from "selfsigned";
import { afterEach, beforeEach, describe, expect, test } from "vitest";

const bin = fileURLToPath(new URL("../../cli/bin/conclave.js", import.meta.url));
const waiting = { timeout: 30_000 };

interface Server {
  readonly child: ChildProcess;
  readonly stdout: () => string;
  readonly stderr: () => string;
  /** Resolves at the end with the exit code, or the signal's name. */
  readonly ended: Promise<number | string>;
}

let directory: string;
const servers: Server[] = [];

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "conclave-server-"));
});

afterEach(async () => {
  for (const { child } of servers) child.kill("SIGKILL");
  await Promise.all(servers.splice(0).map(({ ended }) => ended));
  await rm(directory, { recursive: true });
});

function run(flags: readonly string[], env: Record<string, string> = {}, limit = ""): Server {
  const program = [process.execPath, bin, "server", ...flags];
  const child = spawn("sh", ["-c", `${limit} exec "$0" "$@"`, ...program], {
    cwd: directory,
    env: { PATH: process.env["PATH"], ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (chunk) => {
    stdout += chunk;
  });
  child.stderr.on("data", (chunk) => {
    stderr += chunk;
  });
  const ended = new Promise<number | string>((resolve) => {
    child.on("close", (code, signal) => resolve(code ?? signal ?? ""));
  });
  const server = { child, stdout: () => stdout, stderr: () => stderr, ended };
  servers.push(server);
  return server;
}

const anyPort = ["--listen", "127.0.0.1:0"];

/** The URL of the ready line. */
async function ready(server: Server): Promise<string> {
  const said = () => server.stdout().includes("\n") || server.child.exitCode !== null;
  await expect.poll(said, waiting).toBe(true);
  const url = / ready on (\S+)\n/.exec(server.stdout())?.[1];
  if (url === undefined) throw new Error(server.stderr());
  return url;
}

async function stop(server: Server): Promise<number | string> {
  server.child.kill("SIGTERM");
  return server.ended;
}

/** The exit code and the lines on standard error of a server that must not start. */
async function refused(flags: readonly string[], env = {}, limit = "") {
  const server = run(flags, env, limit);
  const code = await server.ended;
  expect(server.stdout()).toBe("");
  return { code, lines: server.stderr().trimEnd().split("\n") };
}

const election = { name: "orders" };

async function enter(url: string): Promise<void> {
  const transport = createConnectTransport({ baseUrl: url, httpVersion: "1.1" });
  await createClient(SessionService, transport).openSession({ sessionId: 5n });
  const command = { sessionId: 5n, number: 1n };
  await createClient(ElectionService, transport).enter({ election, command, candidate: "a" });
}

async function leaderOf(url: string): Promise<string | undefined> {
  const transport = createConnectTransport({ baseUrl: url, httpVersion: "1.1" });
  const { view } = await createClient(ElectionService, transport).get({ election });
  return view?.leader?.name;
}

describe("a server", () => {
  test("serves those of the older protocols that it is told to, as it is told", async () => {
    const told = ["--dialects", "s2", "--dialects.s2.namespace", "shop"];
    const server = run([...anyPort, ...told, "--partitions", "1"]);
    const url = await ready(server);
    const transport = createConnectTransport({ baseUrl: url, httpVersion: "1.1" });
    const post = (method: string, body: object, headers: Record<string, string>) =>
      fetch(`${url}/${method}`, {
        method: "POST",
        headers: { "Content-Type": "application/json", ...headers },
        body: JSON.stringify(body),
      });
    await createClient(SessionService, transport).openSession({ sessionId: 5n });

    const s2 = { "primitive-id": "orders", "session-id": "5" };
    const entered = await post("atomix.election.v1.LeaderElection/Enter", { candidateId: "a" }, s2);
    expect(entered.headers.get("conclave-term")).toBe("1");
    expect(await entered.json()).toMatchObject({ term: { leaderId: "a", candidates: ["a"] } });
    const shop = { namespace: "shop", name: "orders" };
    const { view } = await createClient(ElectionService, transport).get({ election: shop });
    expect(view?.leader?.name).toBe("a");
    const s3 = "atomix.runtime.election.v1.LeaderElection/GetTerm";
    expect((await post(s3, { id: { name: "orders" } }, {})).status).toBe(404);
    expect(await stop(server)).toBe(0);
  });

  test("says one line on standard output, with the real port, and stops with 0", async () => {
    const server = run([...anyPort, "--node", "3"]);
    const url = await ready(server);
    expect((await fetch(`${url}/healthz`)).status).toBe(200);
    expect(await stop(server)).toBe(0);
    expect(server.stdout()).toBe(`conclave: node 3 ready on ${url}\n`);
    expect(await readdir(join(directory, ".conclave"))).toEqual(["node-3"]);
    for (const line of server.stderr().trimEnd().split("\n")) expect(JSON.parse(line)).toBeTruthy();
  });

  test("stops with 0 at SIGINT too", async () => {
    const server = run(anyPort);
    await ready(server);
    server.child.kill("SIGINT");
    expect(await server.ended).toBe(0);
  });

  test("ends at once at the second signal, with 128 and its number", async () => {
    const server = run(anyPort);
    const url = await ready(server);
    // A call whose body never ends keeps the graceful stop waiting.
    const held = connect({ host: "127.0.0.1", port: Number(new URL(url).port) });
    held.on("error", () => {});
    const head = ["Host: h", "Content-Type: application/json", "Content-Length: 9"].join("\r\n");
    const path = "/conclave.v1.ElectionService/Get";
    held.write(`POST ${path} HTTP/1.1\r\n${head}\r\nExpect: 100-continue\r\n\r\n{`);
    await once(held, "data");
    server.child.kill("SIGTERM");
    await expect.poll(() => server.stderr(), waiting).toContain("stopping");
    server.child.kill("SIGINT");
    expect(await server.ended).toBe(130);
    held.destroy();
  });

  test("that was killed starts again on the same directory and has kept what it said", async () => {
    const first = run(anyPort);
    await enter(await ready(first));
    first.child.kill("SIGKILL");
    expect(await first.ended).toBe("SIGKILL");
    const second = run(anyPort);
    expect(await leaderOf(await ready(second))).toBe("a");
  });

  test("takes options from the environment and from the file that it names", async () => {
    await writeFile(join(directory, "server.json"), `{"node": 4, "listen": "127.0.0.1:0"}`);
    const env = { CONCLAVE_CONFIG: "server.json", CONCLAVE_SERVER_DATA_DIR: "here" };
    const server = run([], env);
    await ready(server);
    expect(server.stdout()).toContain("node 4 ready");
    expect(await readdir(directory)).toContain("here");
  });

  test("serves the console, and none where it is told so", async () => {
    const url = await ready(run(anyPort));
    const page = await fetch(`${url}/`);
    expect([page.status, page.headers.get("Content-Type")]).toEqual([
      200,
      "text/html; charset=utf-8",
    ]);
    expect(await page.text()).toContain("<title>Conclave</title>");
    const without = run([...anyPort, "--data-dir", "other", "--no-console"]);
    const answer = await fetch(`${await ready(without)}/`);
    expect([answer.status, await answer.text()]).toEqual([404, "this node serves no console\n"]);
  });

  test("takes the calls of pages that --cors-origin lets in, and of no others", async () => {
    const url = await ready(run([...anyPort, "--cors-origin", "https://ops.example.org"]));
    const statusFor = async (origin: string): Promise<number> => {
      const headers = { "Content-Type": "application/json", Origin: origin };
      const path = "conclave.cluster.v1.ClusterService/Status";
      return (await fetch(`${url}/${path}`, { method: "POST", headers, body: "{}" })).status;
    };
    expect(await statusFor("https://ops.example.org")).toBe(200);
    expect(await statusFor(url)).toBe(200);
    expect(await statusFor("https://evil.example.org")).toBe(403);
  });

  test("serves TLS when it has a certificate, and says https", async () => {
    const made = await generate([{ name: "commonName", value: "localhost" }], { keySize: 2048 });
    await writeFile(join(directory, "cert.pem"), made.cert);
    await writeFile(join(directory, "key.pem"), made.private);
    const server = run([...anyPort, "--tls-cert", "cert.pem", "--tls-key", "key.pem"]);
    const url = await ready(server);
    expect(url).toMatch(/^https:/);
    const status = await new Promise((resolve, reject) => {
      const asked = httpsRequest(`${url}/healthz`, { rejectUnauthorized: false, agent: false });
      asked.on("response", (answer) => resolve(answer.statusCode)).on("error", reject);
      asked.end();
    });
    expect(status).toBe(200);
  });

  test("warns in one line when it listens beyond loopback in clear text", async () => {
    const server = run(["--listen", "0.0.0.0:0", "--insecure", "--log-level", "silent"]);
    await ready(server);
    expect(server.stderr()).toMatch(/^conclave: --insecure: .* clear text.*\n$/);
  });

  test("explains its options, and that is no fault", async () => {
    const server = run(["--help"]);
    expect(await server.ended).toBe(0);
    expect(server.stdout()).toContain("--data-dir DIR");
    expect(server.stderr()).toBe("");
  });
});

describe("a server that cannot start", () => {
  test("for wrong options exits with 2 and names them all", async () => {
    const { code, lines } = await refused(["--partitions", "0", "--lisen", "x"]);
    expect(code).toBe(2);
    expect(lines).toEqual([
      "conclave: --lisen: no such option; did you mean --listen?",
      "conclave: x: takes no arguments, only options",
      "conclave: --partitions 0: must be 1 to 1024",
    ]);
  });

  test("for an address that is not this machine's exits with 2", async () => {
    const { code, lines } = await refused(["--listen", "192.0.2.1:0", "--insecure"]);
    expect(code).toBe(2);
    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain("cannot listen on 192.0.2.1:0");
  });

  test("for an address in use exits with 10", async () => {
    const url = await ready(run([...anyPort, "--data-dir", "first"]));
    const listen = new URL(url).host;
    const { code, lines } = await refused(["--listen", listen, "--data-dir", "second"]);
    expect(code).toBe(10);
    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain(`${listen} is in use`);
  });

  test("for a data directory in use exits with 11 and leaves the other alone", async () => {
    const url = await ready(run(anyPort));
    const { code, lines } = await refused(anyPort);
    expect(code).toBe(11);
    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain(".conclave/node-1 is in use");
    await enter(url);
    expect(await leaderOf(url)).toBe("a");
  });

  test("for a directory of another number of partitions exits with 12 and harms nothing", async () => {
    const flags = [...anyPort, "--data-dir", "data"];
    const first = run(flags);
    await enter(await ready(first));
    expect(await stop(first)).toBe(0);
    const { code, lines } = await refused([...flags, "--partitions", "9"]);
    expect(code).toBe(12);
    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain("made with 8 partitions, not 9");
    expect(await leaderOf(await ready(run(flags)))).toBe("a");
  });

  test("for a directory that cannot be written exits with 13", async () => {
    await writeFile(join(directory, "file"), "");
    const { code, lines } = await refused([...anyPort, "--data-dir", "file/data"]);
    expect(code).toBe(13);
    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain("file/data cannot be written");
  });

  test("for a disk without room exits with 13, and starts once there is some", async () => {
    // 64 blocks of 512 bytes or 1 KiB, far below a segment of the log: write answers EFBIG.
    const { code, lines } = await refused(anyPort, {}, "ulimit -f 64;");
    expect(code).toBe(13);
    expect(lines).toHaveLength(1);
    const url = await ready(run(anyPort));
    await enter(url);
    expect(await leaderOf(url)).toBe("a");
  });

  test("for damaged data exits with 14 and leaves every byte as it is", async () => {
    const first = run(anyPort);
    await enter(await ready(first));
    expect(await stop(first)).toBe(0);
    const log = join(directory, ".conclave", "node-1", "log");
    const segment = join(log, "log-0000000001");
    const bytes = await readFile(segment);
    const used = bytes.findLastIndex((byte) => byte !== 0);
    const middle = used - Math.floor(used / 4);
    bytes[middle] = bytes[middle]! ^ 1;
    await writeFile(segment, bytes);
    const { code, lines } = await refused(anyPort);
    expect(code).toBe(14);
    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain(".conclave/node-1 is damaged");
    expect((await readFile(segment)).equals(bytes)).toBe(true);
  });
});

test("a string that is not UTF-8 is refused by its field's name, and the server lives", async () => {
  const url = await ready(run(anyPort));
  // election (1) of 4 bytes: name (1) of 2 bytes that are no UTF-8.
  const body = Uint8Array.of(0x0a, 4, 0x0a, 2, 0xc3, 0x28);

  const answer = await fetch(`${url}/conclave.v1.ElectionService/Get`, {
    method: "POST",
    headers: { "content-type": "application/proto" },
    body,
  });

  expect(answer.status).toBe(400);
  const error = (await answer.json()) as { code: string; message: string };
  expect(error.code).toBe("invalid_argument");
  expect(error.message).toContain("election.name");
  expect((await fetch(`${url}/healthz`)).status).toBe(200);
});
