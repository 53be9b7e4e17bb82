// SPDX-License-Identifier: Apache-2.0
/**
 * One round of chaos: clients work while servers and their network fail; then all is made whole and has
 * to go on; then what everybody saw is judged. Elections of one round are never used in another, so that
 * what is kept and judged at once is bounded.
 */

import { setTimeout as delay } from "node:timers/promises";
import type { Prng } from "@conclave/base";
import type { TestCluster } from "../cluster/test-cluster.ts";
import { judgeHistory } from "../history/linearizability.ts";
import type { History, Operation } from "../history/operation.ts";
import type { RuleCheck } from "../invariants/rule.ts";
import { CLIENT_RULES } from "../invariants/rules.ts";
import { viewed } from "../workload/operator.ts";
import { createRecorder } from "../workload/recorder.ts";
import type { Observation, Violation } from "../world/observation.ts";
import { ChaosCrew, type CrewPlan, nowNs } from "./chaos-crew.ts";
import { disturb } from "./chaos-faults.ts";

export interface RoundPlan extends CrewPlan {
  /** How long faults come; what follows is bounded by the TTL. */
  readonly faultsMs: number;
}

export interface RoundOutcome {
  readonly violations: readonly Violation[];
  readonly history: History;
  /** What kinds of observations there were, and how many of each. */
  readonly counts: Readonly<Record<string, number>>;
  /** False: the search for an order of the history was given up. */
  readonly isOrderKnown: boolean;
}

/** How long an election may be without a leader once all is well, beyond its TTL. */
const RECOVERY_MS = 12_000;
const LOOK_EVERY_MS = 20;

/** @param strike what goes wrong; default: whatever the seed draws. */
export async function runRound(
  cluster: TestCluster,
  plan: RoundPlan,
  prng: Prng,
  note: (line: string) => void,
  strike: typeof disturb = disturb,
): Promise<RoundOutcome> {
  const round = new Round(cluster, plan, prng, note);
  return round.run(strike);
}

class Round {
  readonly #cluster: TestCluster;
  readonly #plan: RoundPlan;
  readonly #prng: Prng;
  readonly #note: (line: string) => void;
  readonly #crew: ChaosCrew;
  readonly #checks: readonly RuleCheck[] = CLIENT_RULES.map((rule) => rule.begin());
  readonly #operations: Operation[] = [];
  readonly #violations: Violation[] = [];
  readonly #counts: Record<string, number> = {};

  constructor(cluster: TestCluster, plan: RoundPlan, prng: Prng, note: (line: string) => void) {
    this.#cluster = cluster;
    this.#plan = plan;
    this.#prng = prng;
    this.#note = note;
    this.#crew = new ChaosCrew(cluster, plan, prng.child("crew"), (seen) => this.#observe(seen));
  }

  async run(strike: typeof disturb): Promise<RoundOutcome> {
    await this.#crew.start();
    await this.#disturb(strike);
    this.#crew.calm();
    await this.#recover();
    const open = await this.#crew.stop();
    await this.#readAll();
    await this.#cluster.agreed().catch((error: unknown) => {
      this.#say({ rule: "O7", message: error instanceof Error ? error.message : String(error) });
    });
    this.#violations.push(...this.#cluster.failures.map((message) => ({ rule: "?", message })));
    const operations = [...this.#operations, ...open];
    const history = { operations, mayLeave: this.#crew.mayLeave };
    const isOrderKnown = this.#judge(history);
    return { violations: this.#violations, history, counts: this.#counts, isOrderKnown };
  }

  async #disturb(strike: typeof disturb): Promise<void> {
    const over = new AbortController();
    const disturbed = {
      ...{ cluster: this.#cluster, clients: this.#crew.clients, prng: this.#prng.child("faults") },
      note: (fault: string) => {
        this.#note(fault);
        this.#observe({ kind: "fault", fault });
      },
    };
    const disturbing = strike(disturbed, over.signal);
    await delay(this.#plan.faultsMs);
    over.abort();
    await disturbing;
    this.#observe({ kind: "healed" });
  }

  /** O8: once all is well, every election gets a leader. */
  async #recover(): Promise<void> {
    await this.#cluster.ready();
    const boundMs = this.#plan.ttlMs + RECOVERY_MS;
    const endMs = performance.now() + boundMs;
    while (this.#crew.vacant().length > 0 && performance.now() < endMs) await delay(LOOK_EVERY_MS);
    const vacant = this.#crew.vacant();
    if (vacant.length === 0) return;
    this.#say({ rule: "O8", message: `no leader within ${boundMs} ms: ${vacant}` });
  }

  /** O5: what was acknowledged is there in the end, by a client that has seen nothing before. */
  async #readAll(): Promise<void> {
    const client = await this.#cluster.connect();
    const name = `${this.#plan.prefix}-last-reader`;
    const recorder = createRecorder(nowNs, (operation) =>
      this.#observe({ kind: "operation", operation }),
    );
    for (const election of this.#crew.elections) {
      await recorder.record(
        { client: name, election, call: { kind: "get", read: "linearizable" } },
        () => client.election(election).get(),
        viewed,
      );
    }
    await client.close();
  }

  #observe(seen: Observation): void {
    const kind = seen.kind === "operation" ? seen.operation.call.kind : seen.kind;
    this.#counts[kind] = (this.#counts[kind] ?? 0) + 1;
    if (seen.kind === "operation") this.#operations.push(seen.operation);
    for (const check of this.#checks) this.#say(check.observe?.(seen, performance.now()));
  }

  /** O6; whether it came to an end. */
  #judge(history: History): boolean {
    const verdict = judgeHistory(history);
    if (verdict.kind === "not-linearizable") {
      this.#say({ rule: "O6", message: [verdict.election, ...verdict.why].join("\n") });
    }
    return verdict.kind !== "unknown";
  }

  #say(violation: Violation | undefined): void {
    if (violation !== undefined) this.#violations.push(violation);
  }
}
