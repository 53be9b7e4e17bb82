// SPDX-License-Identifier: Apache-2.0
/**
 * Pages over the twin, on one manual clock: the whole client, its link of pages, and the network that
 * a spec breaks.
 */

import { createManualClock, createPrng, type ManualClock, type Prng } from "@conclave/base";
import { createClient } from "./client.ts";
import type { Client, ConnectOptions } from "./election.ts";
import type { Runtime } from "./link.ts";
import { createMemoryFetch, type MemoryFetch } from "./memory/memory-fetch.ts";
import { urlOf } from "./memory/memory-nodes.ts";
import { MemoryServer } from "./memory/memory-server.ts";
import { createWebLink, type Online, type WebLink } from "./web-link.ts";
import { WebPageLife } from "./web-page-life.ts";

interface Page {
  readonly client: Client;
  readonly network: MemoryFetch;
  readonly link: WebLink;
  readonly online: MemoryOnline;
  readonly warnings: readonly string[];
  /** Hears what the browser tells of the page's life. */
  readonly scope: EventTarget;
}

export interface WebWorld {
  readonly clock: ManualClock;
  readonly server: MemoryServer;
  /** Begins to open a page, before anything has been asked. */
  page(options?: PageOptions): Omit<Page, "client"> & { readonly connected: Promise<Client> };
  open(options?: PageOptions): Promise<Page>;
  settle(): Promise<void>;
  advance(ms: number): Promise<void>;
}

interface PageOptions extends Partial<ConnectOptions> {
  readonly prepare?: (network: MemoryFetch) => void;
}

class MemoryOnline implements Online {
  readonly #listeners = new Set<() => void>();
  #isOnline = true;

  isOnline(): boolean {
    return this.#isOnline;
  }

  onOnline(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  set(isOnline: boolean): void {
    this.#isOnline = isOnline;
    if (isOnline) for (const listener of this.#listeners) listener();
  }
}

const STEP_MS = 20;
const TURNS = 100;
const PROGRESS_MS = 10_000;

export interface WebWorldOptions {
  readonly nodeCount?: number;
  readonly partitionCount?: number;
  readonly seed?: bigint;
}

export function createWebWorld(options: WebWorldOptions = {}): WebWorld {
  const { nodeCount = 1, partitionCount = 2, seed = 1n } = options;
  const clock = createManualClock();
  const prng = createPrng(seed);
  const server = new MemoryServer(clock, partitionCount, new Uint8Array(32), nodeCount);
  const endpoints = Array.from({ length: nodeCount }, (_, index) => urlOf(index + 1));
  let pages = 0;
  const tellProgress = (): void => {
    clock.setTimer(PROGRESS_MS, () => {
      server.tellProgress();
      tellProgress();
    });
  };
  tellProgress();

  const settle = async (): Promise<void> => {
    for (let turn = 0; turn < TURNS; turn++) await Promise.resolve();
  };
  const page: WebWorld["page"] = ({ prepare, ...options } = {}) => {
    pages += 1;
    const chance = prng.child(`page ${pages}`);
    const network = createMemoryFetch(server, clock);
    prepare?.(network);
    const online = new MemoryOnline();
    const warnings: string[] = [];
    const link = createWebLink({
      protocol: "connect",
      token: options.token,
      fetch: network.fetch,
      clock,
      prng: chance.child("link"),
      online,
      timeout: (ms) => timeoutBy(clock, ms),
      warn: (message) => warnings.push(message),
    });
    const scope = new EventTarget();
    const runtime: Runtime = {
      link,
      page: new WebPageLife({ scope, document: undefined, link, clock }),
      clock,
      suspendClock: { uptimeMs: () => clock.monotonicMs() },
      prng: chance,
      defer: (run) => queueMicrotask(run),
      drawSessionId: () => drawSessionId(chance),
      processName: `page-${pages}`,
    };
    const connected = createClient(runtime, { endpoints, ...options });
    connected.catch(() => {});
    return { network, link, online, warnings, scope, connected };
  };
  const advance = async (ms: number): Promise<void> => {
    await settle();
    for (let left = ms; left > 0; left -= STEP_MS) {
      clock.advance(Math.min(STEP_MS, left));
      await settle();
    }
  };
  return {
    clock,
    server,
    page,
    settle,
    advance,
    async open(options) {
      const { connected, ...opened } = page(options);
      await advance(1_000);
      return { ...opened, client: await connected };
    },
  };
}

/** Never 0. */
function drawSessionId(chance: Prng): bigint {
  return (BigInt(chance.nextUint32()) << 32n) | BigInt((chance.nextUint32() | 1) >>> 0);
}

/** As `AbortSignal.timeout`. */
function timeoutBy(clock: ManualClock, ms: number): AbortSignal {
  const late = new AbortController();
  const reason = new DOMException("it took too long", "TimeoutError");
  clock.setTimer(ms, () => late.abort(reason));
  return late.signal;
}
