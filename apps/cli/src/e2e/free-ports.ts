// SPDX-License-Identifier: Apache-2.0
/**
 * Ports of the loopback in a row that were free a moment ago, below those that systems give to outgoing
 * connections: of these one could be taken before the server is there.
 */

import { createServer, type Server } from "node:net";

const LOWEST = 20_000;
const HIGHEST = 32_000;

export async function freePorts(number: number): Promise<readonly number[]> {
  for (;;) {
    const first = LOWEST + Math.floor(Math.random() * (HIGHEST - LOWEST - number));
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
