// SPDX-License-Identifier: Apache-2.0
/**
 * `node smoke.mjs FOLDER`: proves that the tarballs in FOLDER work for a stranger.
 *
 * They are installed with npm into an empty project outside the workspace; there the packed command
 * starts a server, which serves the packed console, the packed SDK elects a leader, and SIGTERM ends the server with code 0. What a
 * missing file, a wrong `exports` or an undeclared dependency breaks is broken here and nowhere else.
 */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";

/** The whole, with an installation from a cold cache in it. */
const TIME_LIMIT_MS = 60_000;

const READY = /^conclave: node 1 ready on (http:\/\/\S+)$/;

const ELECT = `
import { connect } from "@conclave/client";

const client = await connect({ endpoints: [process.argv[2]] });
const fence = await client.election("smoke").lead(async (l) => String(l.fence), { ttlMs: 3000 });
console.log("fence " + fence);
await client.close();
`;

const folder = process.argv[2];
if (folder === undefined) throw new Error("usage: smoke.mjs FOLDER");
const limit = AbortSignal.timeout(TIME_LIMIT_MS);
const project = await mkdtemp(join(tmpdir(), "conclave-smoke-"));
try {
  await install(resolve(folder));
  await elect();
} finally {
  await rm(project, { recursive: true, force: true });
}

/**
 * A direct dependency on each tarball: npm then takes them for what the packages ask of each other,
 * and never looks for ours in a registry.
 *
 * @param {string} tarballs
 */
async function install(tarballs) {
  const names = await readdir(tarballs);
  /** @type {Record<string, string>} */
  const dependencies = {};
  for (const name of names) {
    const match = /^conclave-([a-z]+)-\d.*\.tgz$/.exec(name);
    if (match !== null) dependencies[`@conclave/${match[1]}`] = `file:${join(tarballs, name)}`;
  }
  const manifest = { name: "stranger", private: true, type: "module", dependencies };
  await writeFile(join(project, "package.json"), JSON.stringify(manifest));
  await writeFile(join(project, "elect.mjs"), ELECT);
  const flags = ["--prefer-offline", "--no-audit", "--no-fund", "--ignore-scripts"];
  await succeed("npm", ["install", ...flags]);
}

async function elect() {
  const command = join(project, "node_modules", ".bin", "conclave");
  const options = ["--node", "1", "--listen", "127.0.0.1:0", "--data-dir", join(project, "data")];
  const server = start(command, ["server", ...options], "inherit");
  const exited = once(server, "exit");
  try {
    const url = await readyUrl(server);
    await openConsole(url);
    const printed = await succeed(process.execPath, ["elect.mjs", url]);
    if (!/^fence smoke#[1-9]\d*$/m.test(printed)) throw new Error(`no fence in: ${printed}`);
    server.kill("SIGTERM");
    const [code, signal] = await exited;
    if (code !== 0) throw new Error(`the server ended with ${signal ?? `code ${code}`} on SIGTERM`);
  } finally {
    server.kill("SIGKILL");
  }
}

/**
 * The page, and whatever its head asks for.
 *
 * @param {string} url
 */
async function openConsole(url) {
  const page = await read(new URL(url));
  const parts = [...page.matchAll(/(?:src|href)="(\/[^"]+)"/g)].map(([, path = ""]) => path);
  if (!parts.some((path) => path.endsWith(".js"))) throw new Error(`no script in: ${page}`);
  for (const path of parts) await read(new URL(path, url));
}

/** @param {URL} url */
async function read(url) {
  const answer = await fetch(url, { signal: limit });
  const text = await answer.text();
  if (answer.status !== 200) throw new Error(`${url} answered ${answer.status}: ${text}`);
  return text;
}

/** @param {import("node:child_process").ChildProcess} server */
async function readyUrl(server) {
  const output = /** @type {import("node:stream").Readable} */ (server.stdout);
  for await (const line of createInterface({ input: output, signal: limit })) {
    const url = READY.exec(line)?.[1];
    if (url !== undefined) return url;
  }
  throw new Error("the server ended, or the time was up, before it was ready");
}

/**
 * Runs a command to its end.
 *
 * @param {string} command
 * @param {readonly string[]} args
 * @returns {Promise<string>} what it printed; throws with that if it failed
 */
async function succeed(command, args) {
  const child = start(command, args, "pipe");
  let printed = "";
  child.stdout?.on("data", (chunk) => (printed += chunk));
  child.stderr?.on("data", (chunk) => (printed += chunk));
  const [code, signal] = await once(child, "close");
  if (code === 0) return printed;
  throw new Error(`${command} ${args[0]} ended with ${signal ?? `code ${code}`}:\n${printed}`);
}

/**
 * @param {string} command
 * @param {readonly string[]} args
 * @param {"inherit" | "pipe"} stderr
 */
function start(command, args, stderr) {
  return spawn(command, [...args], {
    cwd: project,
    stdio: ["ignore", "pipe", stderr],
    // Past the limit nothing of ours may be left behind, however stuck it is.
    signal: limit,
    killSignal: "SIGKILL",
  });
}
