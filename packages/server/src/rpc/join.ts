// SPDX-License-Identifier: Apache-2.0
/** A node that asks to be let in: what its question becomes, and the answer in the peers' own words. */

import type { OperationRefusal } from "../replica/cluster-operation.ts";
import type { ClusterOperations } from "../replica/cluster-operations.ts";
import type { ElectionNode } from "../replica/election-node.ts";
import type { JoinOutcome, JoinRefusal, JoinRequest } from "../wire/introduction.ts";

export interface JoiningOptions {
  readonly node: Pick<ElectionNode, "members" | "giveUpAtMs">;
  readonly operations: Pick<ClusterOperations, "changeMembers">;
  /** The index up to which the local replica of partition 1 has applied. */
  readonly membersAsOf: () => number;
}

const REFUSALS: Readonly<Partial<Record<OperationRefusal, readonly [JoinRefusal, string]>>> = {
  in_use: ["in-use", "another data directory acts as this node and is heard of"],
  address_taken: ["in-use", "the address is another member's"],
  too_many_members: ["too-many-members", "the cluster has as many members as it may"],
  change_under_way: ["not-now", "an earlier change of members is under way"],
  would_lose_quorum: ["not-now", "too few members can be reached"],
};

/** Puts the replica on the list of members, and tells the list once this node has it. */
export async function letJoin(
  { node, operations, membersAsOf }: JoiningOptions,
  request: JoinRequest,
): Promise<JoinOutcome> {
  const { incarnation, address } = request;
  const giveUpAtMs = node.giveUpAtMs();
  const member = { node: request.node, incarnation, address };
  const outcome = await operations.changeMembers({ kind: "join", member }, giveUpAtMs);
  if (outcome.kind === "unknown") return notNow("no answer from the leader in time");
  if (outcome.kind === "refused") {
    const [reason, detail] = REFUSALS[outcome.reason] ?? ["not-now", "no leader could be reached"];
    return { kind: "refused", reason, detail };
  }
  // The leader has it; what this node tells must not be older, or the newcomer would not be on it.
  const isListed = (): boolean =>
    node.members().some((one) => one.node === member.node && one.incarnation === incarnation);
  if (!isListed()) return notNow("this member has not learnt of it yet");
  return { kind: "accepted", members: node.members(), membersAsOf: membersAsOf() };
}

function notNow(detail: string): JoinOutcome {
  return { kind: "refused", reason: "not-now", detail };
}
