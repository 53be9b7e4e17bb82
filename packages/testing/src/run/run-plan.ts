// SPDX-License-Identifier: Apache-2.0
/**
 * One run of the simulator: a time with faults, in which nothing that is promised may be broken; then all
 * heals, and the cluster has to go on; then all lose power, and nothing acknowledged may be gone.
 */

import { performFaults } from "../fault/perform.ts";
import { judgeHistory } from "../history/linearizability.ts";
import { Departures } from "../invariants/departures.ts";
import { RULES, RULES_OF_ANY_TIME } from "../invariants/rules.ts";
import { CALM_PATH } from "../world/network.ts";
import { createWorld, type World } from "../world/world.ts";
import { Crew, nanosecondsOf } from "./crew.ts";
import { drawPlan } from "./draw-plan.ts";
import { Judge } from "./judge.ts";
import type { Machine, Outcome } from "./outcome.ts";
import type { Plan } from "./plan.ts";

/** How long a cluster that has healed has for what is promised of it, beyond its longest TTL. */
const RECOVERY_MS = 12_000;
/** For how long everything must be well before it counts as recovered. */
const STEADY_MS = 500;
/** After the last power cut. */
const DARK_MS = 300;

export function runSeed(seed: bigint, machine: Machine): Promise<Outcome> {
  return runPlan(drawPlan(seed), machine);
}

export async function runPlan(plan: Plan, machine: Machine): Promise<Outcome> {
  const world = worldOf(plan, machine);
  const stopListening = machine.onUncaught((error) => world.broken("nobody", error));
  try {
    return await new Run(plan, world).run();
  } finally {
    stopListening();
  }
}

function worldOf(plan: Plan, { drain }: Machine): World {
  const { seed, nodes, partitions, driftPpm, syncMs, isEncoded, snapshotEveryEntries, limits } =
    plan;
  return createWorld({
    ...{ seed, nodes, partitions, drain, driftPpm, syncMs, isEncoded },
    path: pathOf(plan),
    limits: { ...limits, snapshotEveryEntries },
  });
}

function pathOf({ delayMs }: Plan): typeof CALM_PATH {
  return { ...CALM_PATH, minMs: delayMs.min, maxMs: delayMs.max };
}

class Run {
  readonly #plan: Plan;
  readonly #world: World;
  readonly #crew: Crew;
  readonly #judge: Judge;
  readonly #departures = new Departures();
  readonly #counts: Record<string, number> = {};
  /** When somebody was last seen to lead each election. */
  readonly #ledMs = new Map<string, number>();
  /** For how long an office may be nobody's: a service drains, and its work goes on for a while. */
  readonly #lingersMs: number;

  constructor(plan: Plan, world: World) {
    this.#plan = plan;
    const lingering = plan.clients.map(({ serving }) =>
      serving === undefined ? 0 : serving.drainMs + serving.lingersMs,
    );
    this.#lingersMs = Math.max(...lingering);
    this.#world = world;
    this.#crew = new Crew(world, plan);
    this.#judge = new Judge(world, plan.isBeyond ? RULES_OF_ANY_TIME : RULES);
    world.waiting = () => this.#crew.waiting();
    world.beliefs = () => this.#crew.beliefs();
    world.onObservation((seen, nowMs) => {
      const { kind } = seen;
      this.#departures.observe(seen, nanosecondsOf(nowMs));
      this.#counts[kind] = (this.#counts[kind] ?? 0) + 1;
    });
  }

  async run(): Promise<Outcome> {
    const { safetyMs, faults, syncMs } = this.#plan;
    const [world, crew] = [this.#world, this.#crew];
    const faulty = {
      ...{ world, syncMs, path: pathOf(this.#plan) },
      client: (name: string) => crew.client(name),
      restartClient: (name: string) => crew.restart(name),
    };
    for (const server of world.servers) server.start();
    crew.start();
    const performed = performFaults(faulty, faults);
    await this.#pass(safetyMs);
    performed.heal();
    crew.calm();
    await this.#recover();
    for (const server of world.servers) {
      if (server.state !== "down") server.powerCut({ kind: "lose-all" });
    }
    await this.#pass(DARK_MS);
    // Whoever is down is started by the supervisor.
    await this.#recover();
    if (this.#judge.violation === undefined) this.#conclude();
    return this.#outcome();
  }

  #pass(ms: number): Promise<void> {
    return this.#world.run(ms, () => this.#judge.violation !== undefined);
  }

  /** Until every election that somebody stands for has a leader, for a while; rules judge how long it takes. */
  async #recover(): Promise<void> {
    const longestTtlMs = Math.max(...this.#plan.clients.map(({ ttlMs }) => ttlMs));
    const untilMs = this.#world.timeMs + longestTtlMs + RECOVERY_MS;
    let wellSinceMs: number | undefined;
    const isOver = (): boolean => {
      if (this.#judge.violation !== undefined) return true;
      if (!this.#isWell()) wellSinceMs = undefined;
      else wellSinceMs ??= this.#world.timeMs;
      return wellSinceMs !== undefined && this.#world.timeMs - wellSinceMs >= STEADY_MS;
    };
    await this.#world.run(untilMs - this.#world.timeMs, isOver);
    if (wellSinceMs === undefined) {
      this.#judge.say({ rule: "O8", message: `not well by ${untilMs} ms: ${this.#ills()}` });
    }
  }

  #isWell(): boolean {
    return this.#ills() === "";
  }

  /** What is not as it should be when nothing is wrong; empty if nothing is. */
  #ills(): string {
    const down = this.#world.servers.filter(({ state }) => state !== "running");
    if (down.length > 0) return `${down.map(({ host, state }) => `${host} is ${state}`)}`;
    const leaderless = this.#leaderless();
    if (leaderless.length > 0) return `nobody leads the groups ${leaderless}`;
    const nowMs = this.#world.timeMs;
    for (const { election } of this.#crew.beliefs()) this.#ledMs.set(election, nowMs);
    const isVacant = (election: string): boolean =>
      nowMs - (this.#ledMs.get(election) ?? Number.NEGATIVE_INFINITY) > this.#lingersMs;
    const vacant = this.#crew.waiting().filter(({ election }) => isVacant(election));
    return vacant.map(({ election, candidate }) => `${candidate} waits for ${election}`).join();
  }

  /** A client may believe for a while that nobody else can be elected. */
  #leaderless(): readonly number[] {
    const { partitionCount, servers } = this.#world.view();
    const groups = Array.from({ length: partitionCount }, (_, i) => i + 1);
    return groups.filter((group) => {
      return !servers.some(({ groups }) => groups[group - 1]?.status().role.kind === "leader");
    });
  }

  #conclude(): void {
    this.#judge.conclude();
    const all = [...this.#crew.operations, ...this.#crew.openOperations()];
    for (const [cluster, known] of this.#departures.clusters.entries()) {
      const operations = all.filter(({ client }) => this.#crew.clusterOf(client) === cluster);
      const verdict = judgeHistory({ operations, ...known });
      this.#counts[`history ${verdict.kind}`] = (this.#counts[`history ${verdict.kind}`] ?? 0) + 1;
      if (verdict.kind !== "not-linearizable") continue;
      const { election, why } = verdict;
      this.#judge.say({ rule: "O6", message: [election, ...why].join("\n") });
    }
  }

  #outcome(): Outcome {
    const { violation, atMs } = this.#judge;
    return {
      kind: violation === undefined ? "held" : "violated",
      plan: this.#plan,
      violation,
      atMs,
      trace: this.#world.trace,
      simulatedMs: this.#world.timeMs,
      counts: this.#counts,
    };
  }
}
