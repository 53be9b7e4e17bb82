// SPDX-License-Identifier: Apache-2.0
/**
 * Carries out what operators ask, on the node that can: changes of the list on the leader of
 * partition 1, hand-overs on the leaders of their partitions.
 *
 * An operator's change of members is refused while an earlier one is under way anywhere, and if the
 * members that can be reached would be no majority of those that are left (decision 0011).
 */

import { type Clock, unreachable } from "@conclave/base";
import type { Member, MemberCommand, Reply } from "@conclave/fsm";
import { nodeOf, replicaIdOf } from "@conclave/raft";
import type { Operation, OperationOutcome, OperationRefusal } from "./cluster-operation.ts";
import type { ElectionNode } from "./election-node.ts";
import type { Membership } from "./membership.ts";
import type { LogConfiguration, MembershipLog } from "./membership-log.ts";
import { isMajority, isSettled } from "./membership-step.ts";
import type { SubmissionOutcome } from "./proposals.ts";

export interface ClusterChangesOptions {
  readonly node: Pick<ElectionNode, "cluster" | "partition" | "members">;
  /** Of the partitions, 1 to N, in order. */
  readonly logs: readonly MembershipLog[];
  readonly membership: Pick<Membership, "holdLeader">;
  readonly clock: Clock;
}

/** How often a hand-over that was asked for is looked at. */
const LOOK_MS = 20;

export class ClusterChanges {
  readonly #options: ClusterChangesOptions;

  constructor(options: ClusterChangesOptions) {
    this.#options = options;
  }

  /** Does it here, or says `no_leader` where another node would have to. */
  perform(
    operation: Exclude<Operation, { kind: "question" }>,
    giveUpAtMs: number,
  ): Promise<OperationOutcome> {
    switch (operation.kind) {
      case "add-member": {
        const { node, address } = operation;
        const command = { kind: "invite-member", node, address } as const;
        return this.#change(command, giveUpAtMs, () => this.#problemOfAdding(node));
      }
      case "remove-member": {
        const { node } = operation;
        const command = { kind: "remove-member", node } as const;
        return this.#change(command, giveUpAtMs, () => this.#problemOfRemoving(node));
      }
      case "join": {
        const { member } = operation;
        const command = { kind: "put-member", ...member } as const;
        return this.#change(command, giveUpAtMs, () => this.#problemOfJoining(member));
      }
      case "transfer":
        return this.#transfer(operation.partitions, operation.toNode, giveUpAtMs);
      case "hold":
        for (const partition of operation.partitions) {
          this.#options.membership.holdLeader(partition);
        }
        return Promise.resolve({ kind: "done", already: false });
      default:
        return unreachable(operation);
    }
  }

  #change(
    command: MemberCommand,
    giveUpAtMs: number,
    problem: () => OperationRefusal | undefined,
  ): Promise<OperationOutcome> {
    const first = this.#options.node.partition(1);
    if (first.role.kind !== "leader") return refused("no_leader");
    const reason = problem();
    if (reason !== undefined) return refused(reason);
    return new Promise((resolve) => {
      first.submit({
        commands: [command],
        giveUpAtMs,
        mayUseReserve: true,
        settle: (outcome) => resolve(outcomeOf(outcome)),
      });
    });
  }

  #problemOfAdding(node: number): OperationRefusal | undefined {
    const members = this.#options.node.members();
    // One that is listed already changes nothing; the state machine says so.
    if (members.some((member) => member.node === node)) return undefined;
    if (!this.#areSettled(members)) return "change_under_way";
    // A newcomer gets its vote when it is heard of and has caught up, so it counts as reachable.
    return isMajority(this.#reachable(members) + 1, members.length + 1)
      ? undefined
      : "would_lose_quorum";
  }

  #problemOfRemoving(node: number): OperationRefusal | undefined {
    const members = this.#options.node.members();
    const staying = members.filter((member) => member.node !== node);
    if (staying.length === members.length || staying.length === 0) return undefined;
    // Who is removed may be what the change under way waits for: without it the rest must be in order.
    if (!this.#areSettled(staying, node)) return "change_under_way";
    return isMajority(this.#reachable(staying), staying.length) ? undefined : "would_lose_quorum";
  }

  #problemOfJoining({ node, incarnation }: Member): OperationRefusal | undefined {
    const replicas = this.#options.node;
    const { invited } = replicas.partition(1).state;
    const known = replicas.members().find((member) => member.node === node);
    if (known !== undefined) {
      // Its earlier directory is gone, or this is somebody who took its number by mistake.
      const isHeard = node === replicas.cluster.node || this.#isActive(known);
      return known.incarnation !== incarnation && isHeard ? "in_use" : undefined;
    }
    // An operator who added it was asked whether it may be; else this is the moment to ask.
    if (invited.some((member) => member.node === node)) return undefined;
    return this.#problemOfAdding(node);
  }

  /** Whether every partition, as this node knows it, is what the list says, `apart` from one node. */
  #areSettled(members: readonly Member[], apart = 0): boolean {
    return this.#options.logs.every((log) => {
      const { configuration } = log.status();
      return isSettled(without(configuration, apart), members);
    });
  }

  #reachable(members: readonly Member[]): number {
    const { node } = this.#options.node.cluster;
    return members.filter((member) => member.node === node || this.#isActive(member)).length;
  }

  /** As the leader of partition 1, which this node is, hears them. */
  #isActive({ node, incarnation }: Member): boolean {
    const replica = replicaIdOf(node, incarnation);
    const peers = this.#options.logs[0]?.status().peers ?? [];
    return peers.some((peer) => peer.replica === replica && peer.isActive);
  }

  async #transfer(
    partitions: readonly number[],
    toNode: number,
    giveUpAtMs: number,
  ): Promise<OperationOutcome> {
    const logs = partitions.flatMap((partition) => this.#options.logs[partition - 1] ?? []);
    for (const log of logs) if (log.role.kind === "leader") log.transfer(toNode);
    const isPending = (log: MembershipLog): boolean => {
      const { role } = log;
      return role.kind === "leader" || role.leader === undefined;
    };
    while (logs.some(isPending) && this.#options.clock.monotonicMs() < giveUpAtMs) {
      await this.#sleep(LOOK_MS);
    }
    return { kind: "done", already: false };
  }

  #sleep(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.#options.clock.setTimer(ms, resolve);
    });
  }
}

function without(configuration: LogConfiguration, node: number): LogConfiguration {
  const isOther = (replica: number): boolean => nodeOf(replica) !== node;
  return {
    voters: configuration.voters.filter(isOther),
    learners: configuration.learners.filter(isOther),
    outgoing: configuration.outgoing,
  };
}

function refused(reason: OperationRefusal): Promise<OperationOutcome> {
  return Promise.resolve({ kind: "refused", reason });
}

const NOT_APPLIED: Readonly<Record<string, OperationRefusal>> = {
  "no-leader": "no_leader",
  overloaded: "overloaded",
  "no-space": "no_space",
  "shutting-down": "shutting_down",
};

function outcomeOf(outcome: SubmissionOutcome): OperationOutcome {
  if (outcome.kind === "unknown") return { kind: "unknown" };
  if (outcome.kind === "not-applied") {
    return { kind: "refused", reason: NOT_APPLIED[outcome.reason] ?? "no_leader" };
  }
  const reply: Reply | undefined = outcome.replies[0];
  if (reply?.kind === "members-changed") return { kind: "done", already: reply.already };
  if (reply?.kind === "members-refused") return { kind: "refused", reason: reply.reason };
  // Its fields were checked at the door; another answer is that of another version.
  return { kind: "unknown" };
}
