// SPDX-License-Identifier: Apache-2.0
/**
 * Ports of the loopback in a row that were free a moment ago, below those that systems give to outgoing
 * connections: of these one could be taken before the server is there. Processes that run specs at the
 * same time choose from different ones, or each could find free what the other is about to use.
 */

import { createServer, type Server } from "node:net";

const LOWEST = 20_000;
const HIGHEST = 32_000;
/** More processes than machines have that run specs; beyond, two share a part. */
const PARTS = 12;
const PORTS_PER_PART = (HIGHEST - LOWEST) / PARTS;

export async function freePorts(number: number): Promise<readonly number[]> {
  // Vitest numbers the processes that run at the same time, from 1.
  const part = Number(process.env["VITEST_POOL_ID"] ?? 0) % PARTS;
  const lowest = LOWEST + part * PORTS_PER_PART;
  for (;;) {
    const first = lowest + Math.floor(Math.random() * (PORTS_PER_PART - number));
    const ports = Array.from({ length: number }, (_, i) => first + i);
    const servers = ports.map(() => createServer());
    const taken = await Promise.all(servers.map((server, i) => listens(server, ports[i] ?? 0)));
    await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
    if (taken.every((isListening) => isListening)) return ports;
  }
}

function listens(server: Server, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => resolve(true));
  });
}
