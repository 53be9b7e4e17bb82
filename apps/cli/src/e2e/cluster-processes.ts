// SPDX-License-Identifier: Apache-2.0
/**
 * A cluster of real servers for end-to-end specs: each a process with a port and a data directory of
 * its own, that can be killed, stopped, wiped and started again. Where a network has to fail, specs
 * take the cluster of `@conclave/testing`.
 */

import { rmSync } from "node:fs";
import { get as httpGet } from "node:http";
import { get as httpsGet } from "node:https";
import { join } from "node:path";
import { freePorts } from "./free-ports.ts";
import { eventually, type Running } from "./processes.ts";
import type { Scene } from "./server.ts";

export interface ServerNode {
  readonly number: number;
  /** Where clients and the other servers reach it. */
  readonly url: string;
  readonly dataDir: string;
  /** The process that was started last. */
  readonly process: Running;
  /** Resolves when the port is open, quorum or not. */
  start(): Promise<void>;
  /** Resolves when the process is gone. */
  kill(signal?: "SIGKILL" | "SIGTERM"): Promise<number | null>;
  /** SIGSTOP and SIGCONT: what a hypervisor's pause does. */
  pause(): void;
  resume(): void;
  /** Removes its data, which must not be in use. */
  wipe(): void;
}

export interface ClusterProcesses {
  readonly nodes: readonly ServerNode[];
  readonly urls: readonly string[];
  node(number: number): ServerNode;
  /** Resolves when every partition has a leader that each of these nodes reaches; all by default. */
  ready(nodes?: readonly ServerNode[]): Promise<void>;
  /** A further server that asks to join; it is started, and not waited for. */
  join(number: number): Promise<ServerNode>;
}

export interface ClusterOptions {
  /** Starts `conclave` with these arguments for a node, where that is not just a process. */
  readonly under?: (node: number, args: readonly string[]) => Running;
  /** What else each server is started with. */
  readonly flags?: readonly string[];
  /** `https` with flags that name a certificate. Default `http`. */
  readonly scheme?: "http" | "https";
}

/** Starts three servers and resolves when all are ready. They end with the scene. */
export async function startCluster(
  scene: Scene,
  options: ClusterOptions = {},
): Promise<ClusterProcesses> {
  const cluster = await createCluster(scene, options);
  await Promise.all(cluster.nodes.map((node) => node.start()));
  await cluster.ready();
  return cluster;
}

/** Three servers that have not been started. */
export async function createCluster(
  scene: Scene,
  { under, flags = [], scheme = "http" }: ClusterOptions = {},
): Promise<ClusterProcesses> {
  const ports = await freePorts(3);
  const nodes: ServerNode[] = [];
  const list = ports.map((port, i) => `${i + 1}=127.0.0.1:${port}`).join(",");
  const run = under ?? ((_, args) => scene.processes.conclave(args));
  for (const [i, port] of ports.entries()) {
    const start = (args: readonly string[]): Running => run(i + 1, [...args, ...flags]);
    const url = `${scheme}://127.0.0.1:${port}`;
    nodes.push(createNode(scene, i + 1, url, ["--cluster", list], start));
  }
  return {
    nodes,
    urls: nodes.map(({ url }) => url),
    node: (number) => nodeAt(nodes, number),
    ready: async (asked = nodes) => {
      await Promise.all(asked.map((node) => untilReady(node)));
    },
    async join(number) {
      const [port = 0] = await freePorts(1);
      const args = ["--join", nodes.map(({ url }) => url).join(",")];
      const url = `${scheme}://127.0.0.1:${port}`;
      const node = createNode(scene, number, url, args, (all) => scene.processes.conclave(all));
      await node.start();
      return node;
    },
  };
}

function nodeAt(nodes: readonly ServerNode[], number: number): ServerNode {
  const node = nodes[number - 1];
  if (node === undefined) throw new Error(`there is no node ${number}`);
  return node;
}

function createNode(
  scene: Scene,
  number: number,
  url: string,
  membership: readonly string[],
  run: (args: readonly string[]) => Running,
): ServerNode {
  const dataDir = dataDirOf(scene, number);
  let running: Running | undefined;
  const current = (): Running => {
    if (running === undefined) throw new Error(`node ${number} was never started`);
    return running;
  };
  return {
    number,
    url,
    dataDir,
    get process() {
      return current();
    },
    async start() {
      const listen = ["--listen", new URL(url).host];
      const dir = ["--data-dir", dataDir];
      running = run(["server", "--node", `${number}`, ...listen, ...dir, ...membership]);
      const { stdout, stderr } = running;
      await eventually(
        `node ${number} opens its port`,
        () => stdout().includes(`conclave: node ${number} ready on ${url}\n`),
        stderr,
      );
    },
    async kill(signal = "SIGKILL") {
      current().kill(signal);
      return current().exited;
    },
    pause: () => current().kill("SIGSTOP"),
    resume: () => current().kill("SIGCONT"),
    wipe: () => rmSync(dataDir, { recursive: true, force: true }),
  };
}

/** Where a node's data are, before the node is. */
export function dataDirOf(scene: Scene, node: number): string {
  return join(scene.folder, `node-${node}`);
}

function untilReady({ number, url, process }: ServerNode): Promise<true> {
  return eventually(`node ${number} is ready`, () => isReady(url), process.stderr);
}

function isReady(url: string): Promise<true | undefined> {
  // No fetch: a certificate of a spec's own is nothing that it would trust.
  const get = url.startsWith("https:") ? httpsGet : httpGet;
  const options = { agent: false, rejectUnauthorized: false, timeout: 2_000 } as const;
  return new Promise((resolve) => {
    const request = get(`${url}/readyz`, options, (response) => {
      response.resume();
      resolve(response.statusCode === 200 ? true : undefined);
    });
    request.on("timeout", () => request.destroy());
    request.on("error", () => resolve(undefined));
  });
}
