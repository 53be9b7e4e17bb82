// SPDX-License-Identifier: Apache-2.0
/** A client of a simulated world: a process on a machine of its own, with the real SDK in it. Types only. */

import type { Clock, Prng } from "@conclave/base";
import type { Client, ConnectOptions } from "@conclave/client/core";
import type { ResumeOrder } from "./sim-process.ts";

export interface ClientStart extends Partial<Omit<ConnectOptions, "token">> {
  /** By how many millionths its clock runs fast. Default 0. */
  readonly driftPpm?: number;
}

export interface ClientProcess {
  /** Of its machine too. */
  readonly name: string;
  readonly isAlive: boolean;
  /** It stands still, or its machine sleeps: nobody can ask it anything. */
  readonly isPaused: boolean;
  /** Of the process: what is written to run in it waits by this clock, and dies with it. */
  readonly clock: Clock;
  /** A chance of its own, for what runs in it. */
  readonly prng: Prng;
  /** Settles as `connect` does, as virtual time goes on; never, if the process dies first. */
  readonly connected: Promise<Client>;
  /** As SIGKILL: its kernel closes what it had open. */
  kill(): void;
  /** As SIGSTOP and SIGCONT, or a loop that something blocks. */
  pause(): void;
  resume(order: ResumeOrder): void;
  /** The machine sleeps: its monotonic clock stands still, the clock of its uptime does not. */
  suspend(): void;
  drift(ppm: number): void;
  jumpWall(ms: number): void;
}
