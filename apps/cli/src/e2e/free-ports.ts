// SPDX-License-Identifier: Apache-2.0
/** Ports of this machine for processes that must be told theirs before they start. */

import { createServer } from "node:net";

/** They were free a moment ago, at 127.0.0.1, and differ from each other. */
export async function freePorts(number: number): Promise<readonly number[]> {
  const servers = Array.from({ length: number }, () => createServer());
  const ports: number[] = [];
  for (const server of servers) {
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const address = server.address();
    if (typeof address === "object" && address !== null) ports.push(address.port);
  }
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}
