// SPDX-License-Identifier: Apache-2.0
/**
 * Keeps the groups that this node leads in step with the list of members, and spreads their leaders.
 *
 * A thin driver: what is to be done is decided in membership-step.ts and leader-balance.ts, from
 * what the groups say at that moment.
 */

import type { LoopWatch } from "@conclave/base";
import type { Member, MemberCommand } from "@conclave/fsm";
import { balance, beginLeading, type Leading } from "./leader-balance.ts";
import type { MembershipLog } from "./membership-log.ts";
import { nextStep } from "./membership-step.ts";

export interface MembershipOptions {
  /** This node's own replica: its number and incarnation in one. */
  readonly self: number;
  /** Of the partitions, 1 to N, in order. */
  readonly logs: readonly MembershipLog[];
  /** The list as the local replica of partition 1 has it. */
  readonly members: () => readonly Member[];
  /** What partition 1's first leader proposes; empty for a node that was added later. */
  readonly firstMembers: readonly Member[];
  /** Proposes to partition 1; `settled` is called when it is answered, however. */
  readonly propose: (command: MemberCommand, settled: () => void) => void;
  readonly loop: LoopWatch;
}

export interface Membership {
  /** Leaves the leader of a partition where it is for ten minutes: an operator has put it there. */
  holdLeader(partition: number): void;
  stop(): void;
}

/** How often the groups are looked at: often enough that people see a change begin at once. */
const EVERY_MS = 250;
const HOLD_MS = 600_000;

/** Begins to work at the loop's next tick. */
export function createMembership(options: MembershipOptions): Membership {
  const driver = new MembershipDriver(options);
  const end = options.loop.onTick(() => driver.tick());
  return { holdLeader: (partition) => driver.hold(partition), stop: end };
}

class MembershipDriver {
  readonly #options: MembershipOptions;
  readonly #leading = new Map<number, Leading>();
  readonly #heldUntilMs = new Map<number, number>();
  readonly #changing = new Set<number>();
  #isProposing = false;
  #nextMs: number;

  constructor(options: MembershipOptions) {
    this.#options = options;
    this.#nextMs = options.loop.loopNowMs();
  }

  hold(partition: number): void {
    this.#heldUntilMs.set(partition, this.#options.loop.loopNowMs() + HOLD_MS);
  }

  tick(): void {
    const { loop, logs, members } = this.#options;
    const nowMs = loop.loopNowMs();
    if (nowMs < this.#nextMs) return;
    this.#nextMs = nowMs + EVERY_MS;
    const list = members();
    // One hand-over a pass: a node that comes back must not be given everything at one instant.
    let mayBalance = true;
    for (const [i, log] of logs.entries()) {
      if (log.role.kind !== "leader") this.#leading.delete(i + 1);
      else if (this.#tend(i + 1, log, list, nowMs, mayBalance)) mayBalance = false;
    }
    if (list.length === 0 && logs[0]?.role.kind === "leader") this.#proposeFirst();
  }

  /** Takes the group's next step. True if its leader is about to move for the sake of balance. */
  #tend(
    group: number,
    log: MembershipLog,
    members: readonly Member[],
    nowMs: number,
    mayBalance: boolean,
  ): boolean {
    const { self } = this.#options;
    const leading = this.#leading.get(group) ?? beginLeading(nowMs);
    this.#leading.set(group, leading);
    const status = log.status();
    const step = nextStep(status, self, members);
    if (step?.kind === "transfer") log.transfer(step.toNode);
    else if (step !== undefined) this.#change(group, log, step.voters, step.learners);
    if (step !== undefined || status.configuration.outgoing.length > 0) return false;
    if (!mayBalance || nowMs < (this.#heldUntilMs.get(group) ?? 0)) return false;
    const toNode = balance(leading, group, self, status, nowMs);
    if (toNode === undefined) return false;
    log.transfer(toNode);
    return true;
  }

  #change(
    group: number,
    log: MembershipLog,
    voters: readonly number[],
    learners: readonly number[],
  ): void {
    if (this.#changing.has(group)) return;
    this.#changing.add(group);
    // Refused or begun: the next pass sees what the group has become, and decides anew.
    void log.changeConfiguration(voters, learners).finally(() => this.#changing.delete(group));
  }

  #proposeFirst(): void {
    const { firstMembers, propose } = this.#options;
    if (firstMembers.length === 0 || this.#isProposing) return;
    this.#isProposing = true;
    propose({ kind: "set-first-members", members: firstMembers }, () => {
      this.#isProposing = false;
    });
  }
}
