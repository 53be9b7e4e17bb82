// SPDX-License-Identifier: Apache-2.0
/** Durable servers of ours, each a process of its own with a port and a folder of its own. */

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { freePorts, type RunningProcess, startProcess, until } from "../processes.ts";

export interface ConclaveCluster extends AsyncDisposable {
  /** Of the nodes in order: node 1 first. */
  readonly urls: readonly string[];
  /** The ids of the processes that run, in the order of the nodes. */
  readonly pids: () => readonly number[];
  /** kill -9. */
  kill(node: number): Promise<void>;
  /** Starts a node that was killed; resolves when all nodes are ready. */
  restart(node: number): Promise<void>;
}

const PROGRAM = fileURLToPath(
  new URL("bin/conclave.js", import.meta.resolve("@conclave/cli/package.json")),
);

/** Resolves when every node answers that it is ready. */
export async function startConclave(nodes: number): Promise<ConclaveCluster> {
  const folder = await mkdtemp(join(tmpdir(), "conclave-bench-"));
  const ports = await freePorts(nodes);
  const members = ports.map((port, i) => `${i + 1}=127.0.0.1:${port}`).join(",");
  const start = (node: number): RunningProcess =>
    startProcess(process.execPath, [
      PROGRAM,
      "server",
      ...["--node", `${node}`, "--listen", `127.0.0.1:${ports[node - 1]}`],
      ...["--data-dir", join(folder, `node-${node}`)],
      ...(nodes > 1 ? ["--cluster", members] : []),
    ]);
  const urls = ports.map((port) => `http://127.0.0.1:${port}`);
  const running = ports.map((_, i) => start(i + 1));
  const processOf = (node: number): RunningProcess => {
    const found = running[node - 1];
    if (found === undefined) throw new Error(`there is no node ${node}`);
    return found;
  };
  const allReady = () =>
    Promise.all(urls.map((url) => until(`${url} is ready`, () => isReady(url))));
  await allReady();
  return {
    urls,
    pids: () => running.map(({ pid }) => pid),
    kill: (node) => processOf(node).end("SIGKILL"),
    async restart(node) {
      running[node - 1] = start(node);
      await allReady();
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(running.map((server) => server.end()));
      await rm(folder, { recursive: true });
    },
  };
}

/** Whether every partition has a leader that this node can reach. */
export async function isReady(url: string): Promise<boolean> {
  try {
    const { status } = await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(1_000) });
    return status === 200;
  } catch {
    return false;
  }
}
