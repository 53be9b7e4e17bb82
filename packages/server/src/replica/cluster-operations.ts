// SPDX-License-Identifier: Apache-2.0
/**
 * Takes an operator's request on any node and sees to it that the right node does it: one hop, as
 * long as it is sure that nothing was done another try.
 */

import type { Clock } from "@conclave/base";
import type { ClusterChanges } from "./cluster-changes.ts";
import {
  decodeOperation,
  decodeOutcome,
  encodeOperation,
  encodeOutcome,
  type Operation,
  type OperationOutcome,
  type QuestionOutcome,
} from "./cluster-operation.ts";
import type { ElectionNode } from "./election-node.ts";
import type { PeerCalls } from "./peer-calls.ts";

export interface ClusterOperationsOptions {
  readonly node: Pick<ElectionNode, "cluster" | "leaders" | "members">;
  readonly changes: Pick<ClusterChanges, "perform">;
  readonly calls: PeerCalls;
  readonly clock: Clock;
}

/** Answers a question from what this node knows, or refuses. */
export type AnswerQuestion = (question: Uint8Array) => Promise<QuestionOutcome>;

/** How long to wait for a leader before looking again. */
const LOOK_MS = 50;
/** How long a leader has for a question before it is looked for again: it may have died just now. */
const QUESTION_TRY_MS = 1_000;

export class ClusterOperations {
  readonly #options: ClusterOperationsOptions;
  /** Until somebody answers, nothing can be said. */
  #answer: AnswerQuestion = () => Promise.resolve(UNKNOWN);

  /** Serves the operations of other nodes from now on. */
  constructor(options: ClusterOperationsOptions) {
    this.#options = options;
    options.calls.serve(async (_from, request, { giveUpAtMs }) => {
      const operation = decodeOperation(request);
      if (operation === undefined) return encodeOutcome(UNKNOWN);
      return encodeOutcome(await this.#perform(operation, giveUpAtMs));
    });
  }

  /** Has the questions to this node answered from now on, those of other nodes too. */
  answerBy(answer: AnswerQuestion): void {
    this.#answer = answer;
  }

  /** Changes the list of members: on the leader of partition 1, wherever that is. */
  async changeMembers(
    operation: Extract<Operation, { kind: "add-member" | "remove-member" | "join" }>,
    giveUpAtMs: number,
  ): Promise<OperationOutcome> {
    const outcome = await this.#askLeader(1, operation, giveUpAtMs);
    return outcome.kind === "answered" ? UNKNOWN : outcome;
  }

  /** Asks the leader of a partition, wherever that is. */
  async askLeader(
    partition: number,
    question: Uint8Array,
    giveUpAtMs: number,
  ): Promise<QuestionOutcome> {
    const outcome = await this.#askLeader(partition, { kind: "question", question }, giveUpAtMs);
    return outcome.kind === "done" ? UNKNOWN : outcome;
  }

  /** Asks one node; who is no member is not asked. */
  async askNode(node: number, question: Uint8Array, giveUpAtMs: number): Promise<QuestionOutcome> {
    const replicas = this.#options.node;
    const isKnown =
      node === replicas.cluster.node || replicas.members().some((member) => member.node === node);
    if (!isKnown) return { kind: "refused", reason: "no_such_member" };
    const outcome = await this.#ask(node, { kind: "question", question }, giveUpAtMs);
    return outcome.kind === "answered" ? outcome : UNKNOWN;
  }
  /**
   * Asks the leaders of these partitions to hand over to `toNode`, and that node to keep them.
   *
   * @returns the partitions that it leads in the end, or that it is no member
   */
  async transfer(
    partitions: readonly number[],
    toNode: number,
    giveUpAtMs: number,
  ): Promise<readonly number[] | "no_such_member"> {
    const replicas = this.#options.node;
    if (!replicas.members().some(({ node }) => node === toNode)) return "no_such_member";
    await this.#ask(toNode, { kind: "hold", partitions }, giveUpAtMs);
    const byLeader = new Map<number, number[]>();
    for (const { partition, node } of replicas.leaders()) {
      if (!partitions.includes(partition) || node === toNode) continue;
      byLeader.set(node, [...(byLeader.get(node) ?? []), partition]);
    }
    await Promise.all(
      [...byLeader].map(([leader, led]) =>
        this.#ask(leader, { kind: "transfer", partitions: led, toNode }, giveUpAtMs),
      ),
    );
    const isThere = (partition: number): boolean => this.#leaderOf(partition) === toNode;
    // This node hears of the new leaders by their first heartbeat.
    while (!partitions.every(isThere) && !this.#isLate(giveUpAtMs)) await this.#sleep();
    return partitions.filter(isThere);
  }

  async #askLeader(partition: number, operation: Operation, giveUpAtMs: number): Promise<Outcome> {
    for (;;) {
      const leader = this.#leaderOf(partition);
      const tryMs = this.#options.clock.monotonicMs() + QUESTION_TRY_MS;
      const untilMs = operation.kind === "question" ? Math.min(tryMs, giveUpAtMs) : giveUpAtMs;
      const outcome =
        leader === undefined ? NO_LEADER : await this.#ask(leader, operation, untilMs);
      const isToWait = outcome.kind === "refused" && outcome.reason === "no_leader";
      if (!isToWait || this.#isLate(giveUpAtMs)) return outcome;
      await this.#sleep();
    }
  }

  #perform(operation: Operation, giveUpAtMs: number): Promise<Outcome> {
    if (operation.kind === "question") return this.#answer(operation.question);
    return this.#options.changes.perform(operation, giveUpAtMs);
  }

  async #ask(node: number, operation: Operation, giveUpAtMs: number): Promise<Outcome> {
    const { calls } = this.#options;
    if (node === this.#options.node.cluster.node) return this.#perform(operation, giveUpAtMs);
    const answer = await calls.call(node, encodeOperation(operation), { giveUpAtMs });
    if (answer.kind === "answered") return decodeOutcome(answer.answer);
    const isLost = answer.kind === "unreachable" && !answer.isSent;
    // A question changes nothing, so it is all one whether it was heard.
    return isLost || operation.kind === "question" ? NO_LEADER : UNKNOWN;
  }

  #leaderOf(partition: number): number | undefined {
    return this.#options.node.leaders().find((leader) => leader.partition === partition)?.node;
  }

  #isLate(giveUpAtMs: number): boolean {
    return this.#options.clock.monotonicMs() + LOOK_MS >= giveUpAtMs;
  }

  #sleep(): Promise<void> {
    return new Promise((resolve) => {
      this.#options.clock.setTimer(LOOK_MS, resolve);
    });
  }
}

type Outcome = OperationOutcome | QuestionOutcome;

const NO_LEADER = { kind: "refused", reason: "no_leader" } as const;
const UNKNOWN = { kind: "unknown" } as const;
