// SPDX-License-Identifier: Apache-2.0
/** Small servers that browser specs have of their own. */

import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { Scene } from "../e2e/server.ts";

/** Opens a server on a port of the loopback that was free, and says where; it ends with the scene. */
export async function listen(scene: Scene, server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  scene.onEnd(() => {
    server.close();
    server.closeAllConnections();
  });
  const { port } = server.address() as AddressInfo;
  return `http://127.0.0.1:${port}`;
}
