// SPDX-License-Identifier: Apache-2.0
/** What nodes tell each other before they talk: who they are, and whether one may join. */

import { create } from "@bufbuild/protobuf";
import {
  FormationState as FormationStateMessage,
  type IntroduceResponse,
  IntroduceResponseSchema,
  JoinRefusalReason as JoinRefusalReasonMessage,
  type JoinRequest as JoinRequestMessage,
  JoinRequestSchema,
  type JoinResponse,
  JoinResponseSchema,
  type Member as MemberMessage,
} from "@conclave/api/peer";
import type { Member } from "@conclave/fsm";
import {
  countOf,
  isAddress,
  isMalformed,
  isNodeId,
  type Malformed,
  malformed,
} from "./malformed.ts";

/** Nodes that speak another one refuse each other. */
export const PEER_PROTOCOL_VERSION = 1;

/**
 * - `unformed`: a directory of the first start; it waits for the other members and votes for nobody.
 * - `formed`: a member.
 * - `joining`: a directory that was made later and asks to be added under its own incarnation.
 */
export type FormationState = "unformed" | "formed" | "joining";

/** What a node says of itself. */
export interface Introduction {
  readonly protocolVersion: number;
  readonly version: string;
  /** In hex. */
  readonly clusterId: string;
  readonly partitionCount: number;
  readonly node: number;
  readonly incarnation: number;
  readonly state: FormationState;
  /** Tells one data directory of a node from another. */
  readonly nonce: string;
  /** If formed: the nonces of the directories that the cluster was formed of, by node. */
  readonly recorded: Readonly<Record<string, string>>;
  /** Partition 1 has a leader that this node hears. */
  readonly hasLeader: boolean;
  /** The list of the first start, from which the cluster's id comes; empty where it had none. */
  readonly listed: readonly { readonly node: number; readonly address: string }[];
  /** The members as the node knows them, and the index of partition 1 for which that holds. */
  readonly members: readonly Member[];
  readonly membersAsOf: number;
}

/** Asks a member to add a replica, or to put it in the place of an older one of its node. */
export interface JoinRequest extends Member {
  readonly protocolVersion: number;
  /** In hex. */
  readonly clusterId: string;
}

/**
 * - `in-use`: the number or the address is another member's, which is connected.
 * - `not-now`: no leader, a change under way, or one that would lose a quorum; ask again.
 */
export type JoinRefusal =
  | "malformed"
  | "protocol-version"
  | "foreign-cluster"
  | "in-use"
  | "not-now"
  | "too-many-members";

export type JoinOutcome =
  | {
      readonly kind: "accepted";
      readonly members: readonly Member[];
      readonly membersAsOf: number;
    }
  | { readonly kind: "refused"; readonly reason: JoinRefusal; readonly detail: string };

const STATES: Record<FormationState, FormationStateMessage> = {
  unformed: FormationStateMessage.UNFORMED,
  formed: FormationStateMessage.FORMED,
  joining: FormationStateMessage.JOINING,
};

const JOIN_REFUSALS: Record<JoinRefusal, JoinRefusalReasonMessage> = {
  malformed: JoinRefusalReasonMessage.MALFORMED,
  "protocol-version": JoinRefusalReasonMessage.PROTOCOL_VERSION,
  "foreign-cluster": JoinRefusalReasonMessage.FOREIGN_CLUSTER,
  "in-use": JoinRefusalReasonMessage.IN_USE,
  "not-now": JoinRefusalReasonMessage.NOT_NOW,
  "too-many-members": JoinRefusalReasonMessage.TOO_MANY_MEMBERS,
};

const PARTITIONS_MAX = 65_535;

export function introduceResponseOf(introduction: Introduction): IntroduceResponse {
  const { clusterId, state, recorded, listed, members, membersAsOf, ...same } = introduction;
  return create(IntroduceResponseSchema, {
    ...same,
    clusterId: bytesOfHex(clusterId),
    state: STATES[state],
    recorded: { ...recorded },
    listed: listed.map(({ node, address }) => memberMessageOf({ node, incarnation: 0, address })),
    members: members.map(memberMessageOf),
    membersAsOf: BigInt(membersAsOf),
  });
}

export function introductionOf(message: IntroduceResponse): Introduction | Malformed {
  const { protocolVersion, version, partitionCount, node, incarnation, nonce } = message;
  const state = keyOf(STATES, message.state);
  if (state === undefined) return malformed("state", "one of its names");
  if (!isNodeId(node)) return malformed("node", "1 to 65535");
  if (partitionCount < 1 || partitionCount > PARTITIONS_MAX) {
    return malformed("partition_count", `1 to ${PARTITIONS_MAX}`);
  }
  const listed = membersOf(message.listed, "listed");
  if (isMalformed(listed)) return listed;
  const members = membersOf(message.members, "members");
  if (isMalformed(members)) return members;
  const membersAsOf = countOf(message.membersAsOf);
  if (membersAsOf < 0) return malformed("members_as_of", "below 2^53");
  return {
    ...{ protocolVersion, version, partitionCount, node, incarnation, state, nonce },
    clusterId: hexOf(message.clusterId),
    recorded: { ...message.recorded },
    hasLeader: message.hasLeader,
    listed: listed.map(({ node: listedNode, address }) => ({ node: listedNode, address })),
    ...{ members, membersAsOf },
  };
}

export function joinMessageOf(request: JoinRequest): JoinRequestMessage {
  const { protocolVersion, clusterId } = request;
  return create(JoinRequestSchema, {
    protocolVersion,
    clusterId: bytesOfHex(clusterId),
    member: memberMessageOf(request),
  });
}

export function joinRequestOf(message: JoinRequestMessage): JoinRequest | Malformed {
  if (message.member === undefined) return malformed("member", "must be set");
  const member = memberOf(message.member, "member");
  if (isMalformed(member)) return member;
  const { protocolVersion, clusterId } = message;
  return { ...member, protocolVersion, clusterId: hexOf(clusterId) };
}

export function joinResponseOf(outcome: JoinOutcome): JoinResponse {
  if (outcome.kind === "refused") {
    const { detail } = outcome;
    const value = { reason: JOIN_REFUSALS[outcome.reason], detail };
    return create(JoinResponseSchema, { outcome: { case: "refused", value } });
  }
  const members = outcome.members.map(memberMessageOf);
  const value = { members, membersAsOf: BigInt(outcome.membersAsOf) };
  return create(JoinResponseSchema, { outcome: { case: "accepted", value } });
}

export function joinOutcomeOf({ outcome }: JoinResponse): JoinOutcome | Malformed {
  if (outcome.case === undefined) return malformed("outcome", "must be set");
  if (outcome.case === "refused") {
    const reason = keyOf(JOIN_REFUSALS, outcome.value.reason);
    if (reason === undefined) return malformed("refused.reason", "one of its names");
    return { kind: "refused", reason, detail: outcome.value.detail };
  }
  const members = membersOf(outcome.value.members, "accepted.members");
  if (isMalformed(members)) return members;
  const membersAsOf = countOf(outcome.value.membersAsOf);
  if (membersAsOf < 0) return malformed("accepted.members_as_of", "below 2^53");
  return { kind: "accepted", members, membersAsOf };
}

export function hexOf(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += byte.toString(16).padStart(2, "0");
  return text;
}

/** Of digits that our own side has made: an id that is no hex has no bytes, which are nobody's id. */
export function bytesOfHex(text: string): Uint8Array<ArrayBuffer> {
  const pairs = text.match(/[0-9a-f]{2}/g) ?? [];
  return Uint8Array.from(pairs, (pair) => Number.parseInt(pair, 16));
}

function membersOf(messages: readonly MemberMessage[], field: string): Member[] | Malformed {
  const members: Member[] = [];
  for (const [i, message] of messages.entries()) {
    const member = memberOf(message, `${field}[${i}]`);
    if (isMalformed(member)) return member;
    members.push(member);
  }
  return members;
}

function memberOf(message: MemberMessage, field: string): Member | Malformed {
  const { node, incarnation, address } = message;
  if (!isNodeId(node)) return malformed(`${field}.node`, "1 to 65535");
  if (!isAddress(address)) return malformed(`${field}.address`, "1 to 256 characters");
  return { node, incarnation, address };
}

function memberMessageOf({ node, incarnation, address }: Member): MemberMessage {
  return { $typeName: "conclave.peer.v1.Member", node, incarnation, address };
}

function keyOf<Key extends string, Value>(
  table: Readonly<Record<Key, Value>>,
  value: Value,
): Key | undefined {
  for (const key in table) if (table[key] === value) return key;
  return undefined;
}
