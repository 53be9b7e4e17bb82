// SPDX-License-Identifier: Apache-2.0
/**
 * A counter over HTTP that leaders count up by reading and writing, and that refuses terms lower than
 * the highest it has seen: what any resource does that fences (semantics A2).
 */

import { createServer, type IncomingMessage } from "node:http";
import type { Scene } from "../e2e/server.ts";
import { listen } from "./loopback.ts";

export interface FencedCounter {
  readonly value: number;
  /** How many writes were accepted. It is `value`, or an update has been lost. */
  readonly writes: number;
}

export interface CounterService {
  readonly url: string;
  /** Each election has a counter of its own. */
  counter(election: string): FencedCounter;
}

interface Counter {
  value: number;
  writes: number;
  highestTerm: bigint;
}

/** Serves counters to pages of any origin; ends with the scene. */
export async function serveCounters(scene: Scene): Promise<CounterService> {
  const counters = new Map<string, Counter>();
  const counterOf = (name: string): Counter => {
    const counter = counters.get(name) ?? { value: 0, writes: 0, highestTerm: 0n };
    counters.set(name, counter);
    return counter;
  };
  const server = createServer((request, response) => {
    response.setHeader("Access-Control-Allow-Origin", "*");
    response.setHeader("Cache-Control", "no-store");
    const { status, text } = answer(counterOf, request);
    response.writeHead(status);
    response.end(text);
  });
  return { url: await listen(scene, server), counter: counterOf };
}

/** `?election=E&term=T` reads; with `&value=V` it writes. A read raises the highest term as well. */
function answer(
  counterOf: (name: string) => Counter,
  { url = "/" }: IncomingMessage,
): { readonly status: number; readonly text: string } {
  const query = new URL(url, "http://counter").searchParams;
  const counter = counterOf(query.get("election") ?? "");
  const term = BigInt(query.get("term") ?? 0);
  // Otherwise a write that is under way could slip in behind the next leader's read.
  if (term < counter.highestTerm) return { status: 409, text: `${counter.highestTerm}` };
  counter.highestTerm = term;
  const value = query.get("value");
  if (value !== null) {
    counter.value = Number(value);
    counter.writes += 1;
  }
  return { status: 200, text: `${counter.value}` };
}
