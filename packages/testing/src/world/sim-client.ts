// SPDX-License-Identifier: Apache-2.0
/** The real SDK in a simulated process, on a machine of its own. */

import type { Clock, Prng } from "@conclave/base";
import { type Client, createClient, type Runtime } from "@conclave/client/core";
import { createSimLink } from "./client-link.ts";
import type { ClientProcess, ClientStart } from "./client-process.ts";
import type { Host } from "./connection.ts";
import type { SimNetwork } from "./network.ts";
import type { Observation } from "./observation.ts";
import { type ResumeOrder, SimProcess } from "./sim-process.ts";
import type { VirtualTime } from "./virtual-time.ts";

export interface SimClientOptions {
  readonly name: string;
  readonly host: Host;
  readonly time: VirtualTime;
  readonly network: SimNetwork;
  readonly prng: Prng;
  readonly isEncoded: boolean;
  readonly hostAt: (url: string) => string;
  readonly observe: (observation: Observation) => void;
  readonly thrown: (where: string, error: unknown) => void;
  readonly ended: () => void;
}

export class SimClient implements ClientProcess {
  readonly name: string;
  readonly prng: Prng;
  readonly connected: Promise<Client>;
  readonly #options: SimClientOptions;
  readonly #process: SimProcess;

  constructor(options: SimClientOptions, start: ClientStart & { readonly endpoints: string[] }) {
    this.#options = options;
    this.name = options.name;
    this.prng = options.prng.child("work");
    const { name, time, thrown, host } = options;
    const { driftPpm = 0, ...connect } = start;
    this.#process = new SimProcess({ name, time, thrown, driftPpm });
    host.process = this.#process;
    this.connected = createClient(runtimeOf(options, this.#process), connect);
    // Whoever waits for it hears of a failure; nobody has to wait.
    this.connected.catch(() => {});
  }

  get isAlive(): boolean {
    return this.#process.state !== "ended";
  }

  get isPaused(): boolean {
    return this.#process.state === "paused";
  }

  get clock(): Clock {
    return this.#process.clock;
  }

  kill(): void {
    if (!this.isAlive) return;
    this.#process.end();
    this.#options.network.processEnded(this.#options.host, true);
    this.#options.ended();
  }

  pause(): void {
    this.#process.pause();
  }

  resume(order: ResumeOrder): void {
    this.#process.resume(order);
  }

  suspend(): void {
    this.#process.suspend();
  }

  drift(ppm: number): void {
    this.#process.clock.drift(ppm);
  }

  jumpWall(ms: number): void {
    this.#process.clock.jumpWall(ms);
  }
}

function runtimeOf(
  { name: client, host, network, prng, isEncoded, hostAt, observe }: SimClientOptions,
  process: SimProcess,
): Runtime {
  const { clock } = process;
  const sessions = prng.child("sessions");
  return {
    link: createSimLink({
      ...{ network, host, clock, hostAt, isEncoded },
      observe: (seen) => observe({ client, ...seen }),
    }),
    clock,
    suspendClock: clock,
    prng: prng.child("client"),
    defer: (run) => process.defer(run),
    drawSessionId: () => {
      const sessionId = (BigInt(sessions.nextUint32()) << 32n) | BigInt(sessions.nextUint32()) | 1n;
      observe({ kind: "session-drawn", client, sessionId });
      return sessionId;
    },
    processName: client,
  };
}
