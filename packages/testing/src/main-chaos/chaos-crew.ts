// SPDX-License-Identifier: Apache-2.0
/**
 * Those who use a cluster of real processes: the simulator's own workload, on the machine's clock and
 * with SDK clients that speak over the network.
 */

import type { CancelTimer, Clock, Prng } from "@conclave/base";
import type { Client, Leadership } from "@conclave/client";
import { systemClock } from "@conclave/server/node";
import type { TestCluster } from "../cluster/test-cluster.ts";
import type { MayLeave, Operation } from "../history/operation.ts";
import { stand } from "../workload/candidate.ts";
import { createFencedRegister } from "../workload/fenced-register.ts";
import { operate } from "../workload/operator.ts";
import { read } from "../workload/reader.ts";
import { createRecorder, type Recorder } from "../workload/recorder.ts";
import type { Stage } from "../workload/stage.ts";
import { watch } from "../workload/watcher.ts";
import type { Observation } from "../world/observation.ts";

export interface CrewPlan {
  /** Tells the elections of one round from those of another. */
  readonly prefix: string;
  readonly elections: number;
  readonly candidates: number;
  readonly operators: number;
  readonly readers: number;
  readonly watchers: number;
  readonly ttlMs: number;
  readonly graceMs: number;
  readonly paceMs: number;
}

type Act = (stage: Stage) => readonly Promise<never>[];

/** To reach a first node while faults are on their way. */
const CONNECT_MS = 60_000;

export class ChaosCrew {
  readonly elections: readonly string[];
  readonly clients: Client[] = [];
  readonly mayLeave: MayLeave[] = [];
  readonly #cluster: TestCluster;
  readonly #plan: CrewPlan;
  readonly #prng: Prng;
  readonly #observe: (observation: Observation) => void;
  readonly #register = createFencedRegister();
  readonly #recorder: Recorder;
  readonly #clock = new EndingClock();
  readonly #held: Leadership[] = [];
  #isCalm = false;

  constructor(
    cluster: TestCluster,
    plan: CrewPlan,
    prng: Prng,
    observe: (observation: Observation) => void,
  ) {
    this.#cluster = cluster;
    this.#plan = plan;
    this.#prng = prng;
    this.#observe = observe;
    this.elections = Array.from({ length: plan.elections }, (_, i) => `${plan.prefix}-${i}`);
    this.#recorder = createRecorder(nowNs, (operation) =>
      observe({ kind: "operation", operation }),
    );
  }

  /** Resolves when everybody has a client. */
  async start(): Promise<void> {
    const { candidates, operators, readers, watchers } = this.#plan;
    for (let i = 0; i < candidates; i++) await this.#enlist(`candidate-${i}`, this.#candidate(i));
    for (let i = 0; i < operators; i++) await this.#enlist(`operator-${i}`, (on) => [operate(on)]);
    for (let i = 0; i < readers; i++) await this.#enlist(`reader-${i}`, (on) => [read(on)]);
    for (let i = 0; i < watchers; i++) await this.#enlist(`watcher-${i}`, (on) => [watch(on, i)]);
  }

  /** Operators rest. */
  calm(): void {
    this.#isCalm = true;
  }

  /** Elections that nobody in this crew believes to lead. */
  vacant(): readonly string[] {
    const led = this.#held.filter(({ remainingMs }) => remainingMs > 0);
    const names = new Set(led.map(({ fence }) => fence.election));
    return this.elections.filter((election) => !names.has(election));
  }

  /** Ends everybody; resolves when nothing is under way any more: what never had an answer. */
  async stop(): Promise<readonly Operation[]> {
    this.#clock.end();
    await Promise.all(this.clients.map((client) => client.close()));
    return this.#recorder.open();
  }

  async #enlist(name: string, act: Act): Promise<void> {
    const client = await this.#cluster.connect({ timeoutMs: CONNECT_MS });
    this.clients.push(client);
    const stage = this.#stage(`${this.#plan.prefix}-${name}`, client);
    void Promise.all(act(stage)).catch((error: unknown) => {
      const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
      this.#observe({ kind: "broken", where: stage.name, message });
    });
  }

  #candidate(number: number): Act {
    const { ttlMs, graceMs, prefix } = this.#plan;
    const candidate = `c${number}`;
    return (stage) =>
      this.elections.map((election) => {
        const client = `${prefix}-candidate-${number}`;
        const left = { election, candidate, client, fromNs: nowNs(), untilNs: undefined };
        this.mayLeave.push(left);
        const prng = stage.prng.child(election);
        return stand({ ...stage, prng }, { election, candidate, ttlMs, graceMs });
      });
  }

  #stage(name: string, client: Client): Stage {
    return {
      ...{ name, client, clock: this.#clock, prng: this.#prng.child(name) },
      ...{ elections: this.elections, paceMs: this.#plan.paceMs },
      ...{ register: this.#register, recorder: this.#recorder, observe: this.#observe },
      believe: (_, leadership) => void this.#held.push(leadership),
      notebook: new Map(),
      desk: undefined,
      isCalm: () => this.#isCalm,
    };
  }
}

/** Of the whole run, which no clock but this is read for. */
export function nowNs(): bigint {
  return process.hrtime.bigint();
}

/** The machine's clock, whose timers fire no more once it has ended: whoever waits for one is gone. */
class EndingClock implements Clock {
  #hasEnded = false;

  end(): void {
    this.#hasEnded = true;
  }

  monotonicMs(): number {
    return systemClock.monotonicMs();
  }

  wallMs(): number {
    return systemClock.wallMs();
  }

  setTimer(delayMs: number, fire: () => void): CancelTimer {
    return systemClock.setTimer(delayMs, () => {
      if (!this.#hasEnded) fire();
    });
  }
}
