// SPDX-License-Identifier: Apache-2.0
/**
 * One call of an S0 client: what its header says, its number taken in order, and what it is refused
 * with (semantics 4.1, A3, A5).
 *
 * Clients of S0 repeat a call for ever that ends with a gRPC status, and give up one that is answered
 * `status: ERROR`. So what can never succeed is answered in band, and its number is taken all the
 * same, since the session's next call waits for it. What may succeed later is a status.
 */

import type { MessageInitShape } from "@bufbuild/protobuf";
import { type RequestHeader, type ResponseHeaderSchema, ResponseStatus } from "@conclave/api/s0";
import {
  type CallOrder,
  type DialectDone,
  type DialectOperation,
  defaultLimits,
  hasSession,
  isName,
  type PrimitiveKey,
  type RefusalReason,
  type SessionId,
  strictNumbersOf,
} from "@conclave/fsm";
import { Code, ConnectError, type HandlerContext } from "@connectrpc/connect";
import type { ElectionNode } from "../replica/election-node.ts";
import type { PartitionReplica } from "../replica/partition-replica.ts";
import { type CallOutcome, callDialect } from "./dialect-call.ts";
import { dialectErrorOf, dialectFailure } from "./dialect-failure.ts";
import { type DialectServices, keyIn, patienceOf } from "./dialect-service.ts";

/** A call on a primitive, as its header has it. */
export interface S0Call {
  readonly partition: PartitionReplica;
  readonly key: PrimitiveKey;
  readonly sessionId: bigint;
  /** 0: in no order, and not deduplicated. */
  readonly number: number;
  /** Why it can never be served, if it cannot. */
  readonly problem: string | undefined;
}

/** To be answered `status: ERROR`. */
export interface S0Refusal {
  readonly kind: "s0-refusal";
  readonly message: string;
  /** What the state machine refused it for, where that did. */
  readonly reason: RefusalReason | undefined;
}

/** What the calls of S0 at one node share. */
export interface S0Services extends DialectServices {
  /** How many wait for their turn, which another node may hold for them. */
  readonly waiting: { count: number };
}

export type HeaderInit = MessageInitShape<typeof ResponseHeaderSchema>;

/**
 * Calls that one node lets wait for their turn. They may do so for long, and a leader serves 8,192 of
 * another node's calls at a time, renewals among them.
 */
const WAITING_MAX = 2_048;
/** The session's wait for a gap, and then the time that any request has. */
const AFTER_GAP_MS = 5_000;
const NUMBER_MAX = BigInt(Number.MAX_SAFE_INTEGER);
/** Refused with the number not taken: the same call may be served later. */
const PASSING: ReadonlySet<RefusalReason> = new Set(["out_of_order", "too_many_unacknowledged"]);

/** Throws INVALID_ARGUMENT: the partition is none of ours, and so nobody's to refuse in band. */
export function partitionOf(
  node: ElectionNode,
  header: RequestHeader | undefined,
): PartitionReplica {
  if (header === undefined) throw malformed("the header must be set");
  const { partitionCount } = node.cluster;
  if (header.partition < 1 || header.partition > partitionCount) {
    throw malformed(`header.partition must be 1 to ${partitionCount}`);
  }
  return node.partition(header.partition);
}

/**
 * Throws INVALID_ARGUMENT for what names no primitive at all.
 *
 * @param mayBeElsewhere clients create and close on every partition; it binds nothing there.
 */
export function callOf(
  services: DialectServices,
  header: RequestHeader | undefined,
  mayBeElsewhere = false,
): S0Call {
  const { node } = services;
  const partition = partitionOf(node, header);
  const name = header?.name;
  if (name === undefined || name.name === "") throw malformed("header.name must be set");
  const { sessionId, requestId } = header!;
  const key = keyIn(services, "s0", name.name, name.namespace);
  const isAtHome = mayBeElsewhere || partition.isHomeOf(key);
  const isNobodys = sessionId === 0n || isNoneOfS0(partition, sessionId);
  const problem =
    (isNobodys ? "session not found" : undefined) ??
    (requestId > NUMBER_MAX ? "request_id: 0 to 2^53 - 1" : undefined) ??
    problemOfKey(key) ??
    (isAtHome ? undefined : `partition: the home of this name is ${node.homeOf(key).number}`);
  return { partition, key, sessionId, number: Number(requestId), problem };
}

/**
 * Executes a call in its turn, or finds what it was answered before. Throws what is worth another
 * try as a gRPC status.
 */
export async function runS0(
  services: S0Services,
  call: S0Call,
  operation: DialectOperation,
  context: HandlerContext,
): Promise<DialectDone | S0Refusal> {
  if (call.problem !== undefined) {
    await passS0(services, call, context);
    return s0Refusal(call.problem);
  }
  const outcome = await propose(services, call, operation, context);
  if (outcome.kind === "dialect-done") return outcome;
  const { message, refusal } = outcome;
  if (refusal === undefined || PASSING.has(refusal)) throw dialectErrorOf(outcome, "s0");
  if (refusal === "invalid_field") await passS0(services, call, context);
  return s0Refusal(message, refusal);
}

/** Takes the number of a call that is refused here. */
async function passS0(services: S0Services, call: S0Call, context: HandlerContext): Promise<void> {
  if (call.number === 0 || call.sessionId === 0n) return;
  const outcome = await propose(services, call, { kind: "pass", key: ANY_KEY }, context);
  if (outcome.kind === "dialect-done") return;
  const { refusal } = outcome;
  if (refusal === undefined || PASSING.has(refusal)) throw dialectErrorOf(outcome, "s0");
}

/** A call that passes does nothing to it, so any that can be will do. */
const ANY_KEY: PrimitiveKey = { kind: "election", namespace: "default", name: "refused" };

async function propose(
  services: S0Services,
  { partition, sessionId, number }: S0Call,
  operation: DialectOperation,
  context: HandlerContext,
): Promise<CallOutcome> {
  const { node } = services;
  const order: CallOrder = number === 0 ? { kind: "free" } : { kind: "strict", number };
  const call = { kind: "dialect-call", sessionId, order, operation } as const;
  const numbers = strictNumbersOf(partition.state, sessionId);
  if (numbers === undefined || number <= numbers.last + 1) {
    return await callDialect(partition, call, patienceOf(node, context));
  }
  const { waiting } = services;
  if (waiting.count >= WAITING_MAX) {
    return dialectFailure("unavailable", "too many calls wait for their turn at this node");
  }
  // Before its turn it may wait for its session's timeout, until what is missing is given up.
  const controller = new AbortController();
  const abort = (): void => controller.abort();
  const stopListening = node.onShutdown(abort);
  context.signal.addEventListener("abort", abort);
  waiting.count++;
  try {
    const giveUpAtMs = turnGivenUpAtMs(services, numbers.ttlMs, context);
    return await callDialect(partition, call, { giveUpAtMs, signal: controller.signal });
  } finally {
    waiting.count--;
    stopListening();
    context.signal.removeEventListener("abort", abort);
  }
}

function turnGivenUpAtMs(
  { clock }: DialectServices,
  ttlMs: number,
  context: HandlerContext,
): number {
  const askedMs = context.timeoutMs() ?? Number.POSITIVE_INFINITY;
  return clock.monotonicMs() + Math.min(askedMs, ttlMs + AFTER_GAP_MS);
}

export function s0Refusal(message: string, reason?: RefusalReason): S0Refusal {
  return { kind: "s0-refusal", message, reason };
}

/** The header of an answer in band. What it was refused for has no place in it. */
export function refusedHeader(
  { sessionId }: Pick<S0Call, "sessionId">,
  { message }: S0Refusal,
  context: HandlerContext,
): HeaderInit {
  context.responseHeader.set("conclave-refusal", message);
  return { sessionId, status: ResponseStatus.ERROR };
}

/** Of a command that was executed, now or before. */
export function doneHeader({ sessionId, number }: S0Call, { index }: DialectDone): HeaderInit {
  return { sessionId, responseId: BigInt(number), index };
}

/** It counts in another way. One that is not here at all may be at the leader. */
function isNoneOfS0({ state }: PartitionReplica, sessionId: SessionId): boolean {
  return hasSession(state, sessionId) && strictNumbersOf(state, sessionId) === undefined;
}

function problemOfKey({ namespace, name }: PrimitiveKey): string | undefined {
  const { nameBytesMax } = defaultLimits;
  if (isName(name, nameBytesMax) && isName(namespace, nameBytesMax)) return undefined;
  return `name and namespace: 1 to ${nameBytesMax} bytes of UTF-8 without control characters`;
}

function malformed(message: string): ConnectError {
  return new ConnectError(message, Code.InvalidArgument);
}
