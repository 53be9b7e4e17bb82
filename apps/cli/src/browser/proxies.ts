// SPDX-License-Identifier: Apache-2.0
/** What stands between pages and servers, and does not pass answers on as they come. */

import { createServer, type IncomingMessage, request, type ServerResponse } from "node:http";
import { pipeline } from "node:stream/promises";
import type { Scene } from "../e2e/server.ts";
import { listen } from "./loopback.ts";

export interface HoldingProxy {
  readonly url: string;
  /**
   * Keeps the next answer to this method to itself: resolves when the server has given it, with what
   * resolves when whoever asked has hung up.
   */
  holdNext(method: string): Promise<{ readonly hungUp: Promise<unknown> }>;
}

type PassAnswer = (
  answer: IncomingMessage,
  answered: ServerResponse,
  asked: IncomingMessage,
) => Promise<void>;

/**
 * Starts one as stands before many a service, for this server: it passes an answer on when it has all
 * of it, and a stream that does not end says nothing through it. It ends with the scene.
 */
export function startBufferingProxy(scene: Scene, target: string): Promise<string> {
  return startProxy(scene, target, async (answer, answered) => {
    const whole = Buffer.concat(await answer.toArray());
    answered.writeHead(answer.statusCode ?? 502, { ...answer.headers });
    answered.end(whole);
  });
}

/** Starts one that passes everything on as it comes, but for what it was told to hold. */
export async function startHoldingProxy(scene: Scene, target: string): Promise<HoldingProxy> {
  const holds = new Map<string, (held: { readonly hungUp: Promise<unknown> }) => void>();
  const url = await startProxy(scene, target, async (answer, answered, asked) => {
    const name = asked.url?.split("/").at(-1) ?? "";
    // Browsers ask with another verb whether they may call a method at all.
    const hold = asked.method === "POST" ? holds.get(name) : undefined;
    if (hold === undefined) {
      answered.writeHead(answer.statusCode ?? 502, { ...answer.headers });
      await pipeline(answer, answered);
      return;
    }
    holds.delete(name);
    answer.resume();
    hold({ hungUp: new Promise((resolve) => answered.once("close", resolve)) });
  });
  return {
    url,
    holdNext: (method) => new Promise((resolve) => holds.set(method, resolve)),
  };
}

function startProxy(scene: Scene, target: string, passAnswer: PassAnswer): Promise<string> {
  const server = createServer((asked, answered) => {
    const { method, headers, url = "/" } = asked;
    const onward = request(new URL(url, target), { method, headers, agent: false });
    onward.on("response", (answer) => {
      passAnswer(answer, answered, asked).catch(() => answered.destroy());
    });
    onward.on("error", () => answered.destroy());
    answered.on("close", () => onward.destroy());
    asked.pipe(onward);
  });
  return listen(scene, server);
}
