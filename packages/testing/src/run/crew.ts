// SPDX-License-Identifier: Apache-2.0
/**
 * Everybody who uses the cluster in a run: the processes of candidates, operators, readers and
 * watchers, what they do, and what the office holders among them believe at this instant.
 */

import type { Client, Leadership } from "@conclave/client";
import type { Operation } from "../history/operation.ts";
import { stand } from "../workload/candidate.ts";
import { createFencedRegister } from "../workload/fenced-register.ts";
import { operate } from "../workload/operator.ts";
import type { Order } from "../workload/order.ts";
import { read } from "../workload/reader.ts";
import { createRecorder, type Recorder } from "../workload/recorder.ts";
import { serve } from "../workload/serving.ts";
import type { Stage } from "../workload/stage.ts";
import { watch, watchNowAndThen } from "../workload/watcher.ts";
import type { ClientProcess } from "../world/client-process.ts";
import type { World } from "../world/world.ts";
import type { Belief, WorldView } from "../world/world-view.ts";
import type { ClientPlan, Plan } from "./plan.ts";

type Act = (stage: Stage) => readonly Promise<never>[];

interface Member {
  readonly name: string;
  readonly driftPpm: number;
  readonly act: Act;
  /** Of a candidate. */
  readonly plan: ClientPlan | undefined;
  readonly notebook: Map<string, bigint>;
  life: number;
  process: ClientProcess | undefined;
  /** Its process has met a cluster, and belongs to it from then on. */
  hasConnected: boolean;
}

interface Held {
  readonly process: ClientProcess;
  readonly election: string;
  readonly candidate: string;
  readonly leadership: Leadership;
}

/** How long a user of a cluster that is gone takes to see it, at most. */
const SEES_WITHIN_MS = 3_000;

export class Crew {
  readonly #world: World;
  readonly #plan: Plan;
  readonly #elections: readonly string[];
  readonly #register = createFencedRegister();
  readonly #recorder: Recorder;
  readonly #members = new Map<string, Member>();
  #held: Held[] = [];
  #isCalm = false;
  /** How many there have been before the present one. */
  #cluster = 0;
  /** Of each cluster: another one knows nothing of what was asked of the one before. */
  readonly #desks: Order[][] = [];
  /** With which cluster each process began. */
  readonly #clusters = new Map<string, number>();
  readonly operations: Operation[] = [];

  constructor(world: World, plan: Plan) {
    this.#world = world;
    this.#plan = plan;
    this.#elections = Array.from({ length: plan.elections }, (_, i) => `e${i}`);
    this.#recorder = createRecorder(
      () => nanosecondsOf(world.timeMs),
      (operation) => {
        this.operations.push(operation);
        world.observe({ kind: "operation", operation });
      },
    );
    world.onObservation(({ kind }) => {
      if (kind === "another-cluster") this.#meetAnother();
    });
  }

  /** Which cluster a process belongs to, from 0. */
  clusterOf(client: string): number {
    return this.#clusters.get(client) ?? 0;
  }

  /** Starts everybody's process. */
  start(): void {
    const { clients, operators, readers, watchers, watching } = this.#plan;
    for (const client of clients) this.#enlist(client.name, this.#candidacies(client), client);
    for (let i = 0; i < operators; i++) this.#enlist(`operator-${i}`, (on) => [operate(on)]);
    for (let i = 0; i < readers; i++) this.#enlist(`reader-${i}`, (on) => [read(on)]);
    for (let i = 0; i < watchers; i++) {
      this.#enlist(`watcher-${i}`, (on) => [
        watching === undefined ? watch(on, i) : watchNowAndThen(on, i, watching),
      ]);
    }
  }

  /** The process that goes by this name now. */
  client(name: string): ClientProcess | undefined {
    const process = this.#members.get(name)?.process;
    return process?.isAlive === true ? process : undefined;
  }

  restart(name: string): void {
    const member = this.#members.get(name);
    if (member !== undefined && member.process?.isAlive !== true) this.#begin(member);
  }

  /** Whoever is gone comes back, and operators rest. */
  calm(): void {
    this.#isCalm = true;
    for (const member of this.#members.values()) this.#leaveOld(member);
    for (const name of this.#members.keys()) this.restart(name);
  }

  /** What has no answer so far: of processes that died, above all. */
  openOperations(): readonly Operation[] {
    return this.#recorder.open();
  }

  beliefs(): readonly Belief[] {
    this.#held = this.#held.filter(({ process, leadership }) => {
      return process.isAlive && !leadership.signal.aborted;
    });
    return this.#held.flatMap(({ process, election, candidate, leadership }) => {
      const { remainingMs, fence } = leadership;
      if (process.isPaused || remainingMs <= 0) return [];
      return [{ client: process.name, election, candidate, term: fence.term, remainingMs }];
    });
  }

  waiting(): WorldView["waiting"] {
    return [...this.#members.values()].flatMap(({ plan, process }) => {
      if (plan === undefined || process?.isAlive !== true) return [];
      const candidate = candidateOf(plan);
      return this.#electionsOf(plan).map((election) => ({ election, candidate, sinceMs: 0 }));
    });
  }

  #enlist(name: string, act: Act, plan?: ClientPlan): void {
    const driftPpm = plan?.driftPpm ?? 0;
    const fresh = { life: 0, process: undefined, hasConnected: false, notebook: new Map() };
    const member: Member = { name, driftPpm, act, plan, ...fresh };
    this.#members.set(name, member);
    this.#begin(member);
  }

  /** Processes of the cluster before live on: each user comes to see it, one sooner, one later. */
  #meetAnother(): void {
    this.#cluster += 1;
    const prng = this.#world.prng.child(`cluster ${this.#cluster}`);
    for (const member of this.#members.values()) {
      const seesAfterMs = prng.below(SEES_WITHIN_MS);
      if (!member.hasConnected) this.#leaveOld(member);
      else this.#world.clock.setTimer(seesAfterMs, () => this.#leaveOld(member));
    }
  }

  /** As a user who is told OTHER_CLUSTER. */
  #leaveOld(member: Member): void {
    const { process } = member;
    if (process?.isAlive !== true || this.clusterOf(process.name) === this.#cluster) return;
    process.kill();
    this.#begin(member);
  }

  #begin(member: Member): void {
    member.life += 1;
    member.hasConnected = false;
    const { name, life, driftPpm } = member;
    const process = this.#world.startClient(life === 1 ? name : `${name}-${life}`, {
      endpoints: this.#world.servers.map(({ url }) => url),
      driftPpm,
      // It comes up whenever the cluster does.
      timeoutMs: 3_600_000,
    });
    member.process = process;
    this.#clusters.set(process.name, this.#cluster);
    void this.#act(member, process);
  }

  async #act(member: Member, process: ClientProcess): Promise<void> {
    try {
      const client = await process.connected;
      member.hasConnected = true;
      await Promise.all(member.act(this.#stage(member, process, client)));
    } catch (error) {
      this.#world.broken(process.name, error);
    }
  }

  #candidacies(plan: ClientPlan): Act {
    const { ttlMs, graceMs, takesOver = false, updates = false, serving } = plan;
    const candidate = candidateOf(plan);
    return (stage) =>
      this.#electionsOf(plan).map((election) => {
        const on = { ...stage, prng: stage.prng.child(election) };
        const standing = { election, candidate, ttlMs, graceMs, takesOver, updates };
        return serving === undefined ? stand(on, standing) : serve(on, standing, serving);
      });
  }

  #electionsOf({ elections }: ClientPlan): readonly string[] {
    return this.#elections.slice(0, elections);
  }

  #deskOf(process: ClientProcess): Order[] | undefined {
    if (this.#plan.sharesDesk !== true) return undefined;
    const cluster = this.clusterOf(process.name);
    const desk = this.#desks[cluster] ?? [];
    this.#desks[cluster] = desk;
    return desk;
  }

  #stage({ notebook }: Member, process: ClientProcess, client: Client): Stage {
    return {
      name: process.name,
      client,
      clock: process.clock,
      prng: process.prng,
      elections: this.#elections,
      paceMs: this.#plan.paceMs,
      register: this.#register,
      recorder: this.#recorder,
      observe: (observation) => this.#world.observe(observation),
      believe: (candidate, leadership) => {
        const { election } = leadership.fence;
        this.#held.push({ process, election, candidate, leadership });
      },
      notebook,
      desk: this.#deskOf(process),
      isCalm: () => this.#isCalm,
    };
  }
}

function candidateOf({ name, candidate }: ClientPlan): string {
  return candidate ?? name;
}

/** Of virtual time, as histories have it: on the microsecond. */
export function nanosecondsOf(ms: number): bigint {
  return BigInt(Math.round(ms * 1_000)) * 1_000n;
}
