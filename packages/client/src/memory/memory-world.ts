// SPDX-License-Identifier: Apache-2.0
/**
 * The twin with everything in reach that a test of the SDK itself wants to break: frames on their
 * way, a client's second clock, a partition, a node's stop. Users get memory-elections.ts.
 */

import type { AttachRequest, AttachResponse } from "@conclave/api";
import { createManualClock, createPrng, type ManualClock } from "@conclave/base";
import { createClient } from "../client.ts";
import type { Client, ConnectOptions } from "../election.ts";
import { homeOf } from "../home.ts";
import type { Link, PageLife, PageListener, Runtime } from "../link.ts";
import { createMemoryLink, type MemoryLink } from "./memory-link.ts";
import { nodeAt, urlOf } from "./memory-nodes.ts";
import { MemoryServer } from "./memory-server.ts";

/** One process: its client, its network, its second clock. */
export interface Process {
  readonly client: Client;
  readonly network: MemoryLink;
  /** The session ids that it drew, oldest first. */
  readonly sessionIds: readonly bigint[];
  /** Every frame that it sent, oldest first, and to which node. */
  readonly sent: readonly SentFrame[];
  /** What a frame from the server becomes on its way; nothing: it is lost. */
  fromServer: (frame: AttachResponse) => AttachResponse | undefined;
  /** What befalls the page that it is. */
  readonly page: PageListener;
  /** Put away, it makes no connection. */
  isAway: boolean;
  /** The machine sleeps: only the clock that counts sleep moves. */
  sleep(ms: number): void;
}

export interface SentFrame {
  readonly node: number;
  readonly frame: AttachRequest;
}

export interface World {
  readonly clock: ManualClock;
  readonly server: MemoryServer;
  start(options?: Partial<ConnectOptions>): Promise<Process>;
  /** Lets frames pass until nothing moves any more, without time. */
  settle(): Promise<void>;
  /** Lets time and frames pass. */
  advance(ms: number): Promise<void>;
}

export interface WorldOptions {
  readonly partitionCount?: number;
  /** Default 1: a node that tells of no members, as one that stands alone does. */
  readonly nodeCount?: number;
  readonly seed?: bigint;
  /** The longest step of time between two exchanges of frames. Default 10. */
  readonly stepMs?: number;
}

const TURNS = 50;

export function createWorld(options: WorldOptions = {}): World {
  const { partitionCount = 2, nodeCount = 1, seed = 1n, stepMs = 10 } = options;
  const clock = createManualClock();
  const prng = createPrng(seed);
  const server = new MemoryServer(clock, partitionCount, new Uint8Array(32), nodeCount);
  let processes = 0;

  const settle = async (): Promise<void> => {
    for (let turn = 0; turn < TURNS; turn++) await Promise.resolve();
  };
  return {
    clock,
    server,
    settle,
    async start(connectOptions = {}) {
      processes += 1;
      const chance = prng.child(`process ${processes}`);
      const network = createMemoryLink(server, defer);
      const sessionIds: bigint[] = [];
      const sent: SentFrame[] = [];
      let sleptMs = 0;
      const page = createPage();
      const outer = {
        network,
        sessionIds,
        sent,
        fromServer: (frame: AttachResponse): AttachResponse | undefined => frame,
        page: page.listener,
        isAway: false,
        sleep: (ms: number): void => {
          sleptMs += ms;
        },
      };
      const runtime: Runtime = {
        link: tapped(network, sent, outer),
        clock,
        suspendClock: { uptimeMs: () => clock.monotonicMs() + sleptMs },
        prng: chance,
        defer,
        drawSessionId: () => {
          const id = (BigInt(chance.nextUint32()) << 32n) | BigInt(chance.nextUint32() | 1);
          sessionIds.push(id);
          return id;
        },
        processName: `process-${processes}`,
        page: page.life,
      };
      const endpoints = Array.from({ length: nodeCount }, (_, index) => urlOf(index + 1));
      const client = await createClient(runtime, { endpoints, ...connectOptions });
      return Object.assign(outer, { client });
    },
    async advance(ms) {
      await settle();
      for (let left = ms; left > 0; left -= stepMs) {
        clock.advance(Math.min(stepMs, left));
        await settle();
      }
    },
  };
}

/** A name whose home is this partition. */
export function nameOn(partition: number, partitionCount = 2): string {
  for (let n = 0; ; n++) if (homeOf(`e${n}`, partitionCount) === partition) return `e${n}`;
}

function createPage(): { readonly life: PageLife; readonly listener: PageListener } {
  const listeners = new Set<PageListener>();
  return {
    life: {
      listen(listener) {
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
    },
    listener: {
      interrupted() {
        for (const listener of listeners) listener.interrupted();
      },
      departing() {
        for (const listener of listeners) listener.departing();
      },
    },
  };
}

function tapped(
  inner: Link,
  sent: SentFrame[],
  process: Pick<Process, "fromServer" | "isAway">,
): Link {
  return {
    attach(endpoint, listener) {
      if (process.isAway) return { send: () => {}, close: () => {} };
      const attachment = inner.attach(endpoint, {
        frame: (frame) => {
          const passed = process.fromServer(frame);
          if (passed !== undefined) listener.frame(passed);
        },
        end: (cause) => listener.end(cause),
      });
      return {
        send: (frame) => {
          sent.push({ node: nodeAt(endpoint), frame });
          attachment.send(frame);
        },
        close: () => attachment.close(),
      };
    },
    close: () => inner.close(),
  };
}

function defer(run: () => void): void {
  void Promise.resolve().then(run);
}
