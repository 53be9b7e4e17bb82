// SPDX-License-Identifier: Apache-2.0
/**
 * Elections without a server, for the tests of those who use the SDK.
 *
 * The client is the real one, with all its rules; only the cluster and the network are in memory, and
 * time is a clock that the test moves. `clock.advance` alone is a process that is frozen meanwhile:
 * no frame passes. `advance` here lets frames pass while time does.
 */

import { createManualClock, createPrng, type ManualClock } from "@conclave/base";
import { createClient } from "../client.ts";
import type { Client, ConnectOptions } from "../election.ts";
import type { Runtime } from "../link.ts";
import { createMemoryLink, type MemoryLink } from "./memory-link.ts";
import { urlOf } from "./memory-nodes.ts";
import { MemoryServer } from "./memory-server.ts";

export interface MemoryElectionsOptions {
  /** Moved by the test. Default: one that begins at 0. */
  readonly clock?: ManualClock;
  /** Default 1. */
  readonly partitionCount?: number;
  /** For the same jitter in each run. Default 1. */
  readonly seed?: bigint;
}

export interface MemoryElections {
  readonly clock: ManualClock;
  /** A client of its own, as in another process. */
  connect(options?: Omit<Partial<ConnectOptions>, "endpoints" | "token">): Promise<Client>;
  /** Lets time and frames pass. */
  advance(ms: number): Promise<void>;
  /** Lets frames pass until nothing moves any more, without time. */
  settle(): Promise<void>;
  /** Ends the session that holds the candidate, as if its TTL had run out. False if nobody holds it. */
  expire(election: string, candidate: string): boolean;
  /** Nothing passes between this client and the cluster any more, and neither side is told. */
  cut(client: Client): void;
  /** The network of a cut client carries again. */
  heal(client: Client): void;
  /** Ends the client's connections; both sides are told, and the client connects again. */
  reset(client: Client): void;
}

/** The longest step of time between two exchanges of frames. */
const STEP_MS = 10;
/** More turns than any exchange takes: a question, its answer, and what follows from it. */
const TURNS = 100;

export function createMemoryElections(options: MemoryElectionsOptions = {}): MemoryElections {
  const clock = options.clock ?? createManualClock();
  const prng = createPrng(options.seed ?? 1n);
  const server = new MemoryServer(clock, options.partitionCount ?? 1, new Uint8Array(32));
  const links = new WeakMap<Client, MemoryLink>();
  let clients = 0;

  const settle = async (): Promise<void> => {
    for (let turn = 0; turn < TURNS; turn++) await Promise.resolve();
  };
  return {
    clock,
    async connect(connectOptions = {}) {
      clients += 1;
      const chance = prng.child(`client ${clients}`);
      const link = createMemoryLink(server, defer);
      const runtime: Runtime = {
        link,
        clock,
        suspendClock: { uptimeMs: () => clock.monotonicMs() },
        prng: chance,
        defer,
        drawSessionId: () => (BigInt(chance.nextUint32()) << 32n) | BigInt(chance.nextUint32() | 1),
        processName: `memory-${clients}`,
      };
      const client = await createClient(runtime, {
        ...connectOptions,
        endpoints: [urlOf(1)],
      });
      links.set(client, link);
      return client;
    },
    async advance(ms) {
      await settle();
      for (let left = ms; left > 0; left -= STEP_MS) {
        clock.advance(Math.min(STEP_MS, left));
        await settle();
      }
    },
    settle,
    expire: (election, candidate) => server.endSessionOf(election, candidate),
    cut: (client) => links.get(client)?.cut(),
    heal: (client) => links.get(client)?.heal(),
    reset: (client) => links.get(client)?.reset(),
  };
}

function defer(run: () => void): void {
  void Promise.resolve().then(run);
}
