// SPDX-License-Identifier: Apache-2.0
/** What operators ask of a cluster and what becomes of it: the values, and their bytes between nodes. */

import { create, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { OperationRequestSchema, OperationResponseSchema } from "@conclave/api/forward";
import { unreachable } from "@conclave/base";
import type { InvitedMember, Member, MemberRefusal } from "@conclave/fsm";

export type Operation =
  | ({ readonly kind: "add-member" } & InvitedMember)
  | { readonly kind: "remove-member"; readonly node: number }
  /** A node reports in, for the first time or under a new incarnation. */
  | { readonly kind: "join"; readonly member: Member }
  | { readonly kind: "transfer"; readonly partitions: readonly number[]; readonly toNode: number }
  | { readonly kind: "hold"; readonly partitions: readonly number[] }
  /** What a node knows: bytes of conclave.peer.v1.ClusterQuestion, which are not read here. */
  | { readonly kind: "question"; readonly question: Uint8Array };

/** What becomes of a question: bytes of conclave.peer.v1.ClusterAnswer. */
export type QuestionOutcome =
  | { readonly kind: "answered"; readonly answer: Uint8Array }
  | Exclude<OperationOutcome, { readonly kind: "done" }>;

export type OperationOutcome =
  /** `already`: there was nothing to do. */
  | { readonly kind: "done"; readonly already: boolean }
  | { readonly kind: "refused"; readonly reason: OperationRefusal }
  | { readonly kind: "unknown" };

export type OperationRefusal =
  | MemberRefusal
  | "change_under_way"
  | "would_lose_quorum"
  /** The number is another directory's, which is heard of. */
  | "in_use"
  | "no_leader"
  | "overloaded"
  | "no_space"
  | "shutting_down";

const REASONS: Readonly<Record<OperationRefusal, true>> = {
  member_exists: true,
  address_taken: true,
  too_many_members: true,
  no_such_member: true,
  no_members: true,
  last_member: true,
  change_under_way: true,
  would_lose_quorum: true,
  in_use: true,
  no_leader: true,
  overloaded: true,
  no_space: true,
  shutting_down: true,
};

export function encodeOperation(operation: Operation): Uint8Array {
  return toBinary(OperationRequestSchema, create(OperationRequestSchema, messageOf(operation)));
}

/** Undefined for what cannot be read: another version may have written it. */
export function decodeOperation(bytes: Uint8Array): Operation | undefined {
  try {
    const { operation } = fromBinary(OperationRequestSchema, bytes);
    switch (operation.case) {
      case "addMember": {
        const { node, address } = operation.value;
        return { kind: "add-member", node, address };
      }
      case "removeMember":
        return { kind: "remove-member", node: operation.value.node };
      case "join": {
        const { node, incarnation, address } = operation.value;
        return { kind: "join", member: { node, incarnation, address } };
      }
      case "transfer": {
        const { partitions, toNode } = operation.value;
        return { kind: "transfer", partitions, toNode };
      }
      case "hold":
        return { kind: "hold", partitions: operation.value.partitions };
      case "question":
        return { kind: "question", question: operation.value };
      default:
        return undefined;
    }
  } catch {
    return undefined;
  }
}

export function encodeOutcome(outcome: OperationOutcome | QuestionOutcome): Uint8Array {
  const message = create(OperationResponseSchema, { outcome: outcomeMessageOf(outcome) });
  return toBinary(OperationResponseSchema, message);
}

/** What cannot be read may have been anything. */
export function decodeOutcome(bytes: Uint8Array): OperationOutcome | QuestionOutcome {
  try {
    const { outcome } = fromBinary(OperationResponseSchema, bytes);
    if (outcome.case === "done") return { kind: "done", already: outcome.value.already };
    if (outcome.case === "answer") return { kind: "answered", answer: outcome.value };
    if (outcome.case === "refused" && isRefusal(outcome.value.reason)) {
      return { kind: "refused", reason: outcome.value.reason };
    }
  } catch {
    // As below.
  }
  return { kind: "unknown" };
}

function messageOf(operation: Operation): MessageInitShape<typeof OperationRequestSchema> {
  switch (operation.kind) {
    case "add-member": {
      const { node, address } = operation;
      return { operation: { case: "addMember", value: { node, address } } };
    }
    case "remove-member":
      return { operation: { case: "removeMember", value: { node: operation.node } } };
    case "join":
      return { operation: { case: "join", value: operation.member } };
    case "transfer": {
      const { partitions, toNode } = operation;
      return { operation: { case: "transfer", value: { partitions: [...partitions], toNode } } };
    }
    case "hold":
      return { operation: { case: "hold", value: { partitions: [...operation.partitions] } } };
    case "question":
      return { operation: { case: "question", value: operation.question } };
    default:
      return unreachable(operation);
  }
}

function outcomeMessageOf(
  outcome: OperationOutcome | QuestionOutcome,
): NonNullable<MessageInitShape<typeof OperationResponseSchema>["outcome"]> {
  switch (outcome.kind) {
    case "done":
      return { case: "done", value: { already: outcome.already } };
    case "answered":
      return { case: "answer", value: outcome.answer };
    case "refused":
      return { case: "refused", value: { reason: outcome.reason } };
    default:
      return { case: "unknown", value: {} };
  }
}

function isRefusal(reason: string): reason is OperationRefusal {
  return Object.hasOwn(REASONS, reason);
}
