// SPDX-License-Identifier: Apache-2.0
/**
 * A proxy as stands before many a service: it passes an answer on when it has all of it. A stream that
 * does not end says nothing through it.
 */

import { createServer, type IncomingMessage, request, type ServerResponse } from "node:http";
import type { Scene } from "../e2e/server.ts";
import { listen } from "./loopback.ts";

/** Starts one before this server; ends with the scene. */
export function startBufferingProxy(scene: Scene, target: string): Promise<string> {
  return listen(
    scene,
    createServer((asked, answered) => pass(target, asked, answered)),
  );
}

function pass(target: string, asked: IncomingMessage, answered: ServerResponse): void {
  const { method, headers, url = "/" } = asked;
  const onward = request(new URL(url, target), { method, headers, agent: false });
  onward.on("response", async (response) => {
    try {
      const whole = Buffer.concat(await response.toArray());
      answered.writeHead(response.statusCode ?? 502, { ...response.headers });
      answered.end(whole);
    } catch {
      answered.destroy();
    }
  });
  onward.on("error", () => answered.destroy());
  answered.on("close", () => onward.destroy());
  asked.pipe(onward);
}
