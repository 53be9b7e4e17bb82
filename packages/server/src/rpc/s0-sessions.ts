// SPDX-License-Identifier: Apache-2.0
/**
 * `atomix.session.SessionService` of S0: one session for each client and partition, whose id is the
 * partition's `index` when it was opened (semantics A2, 4.1.1).
 */

import type { MessageInitShape } from "@bufbuild/protobuf";
import {
  type CloseSessionResponseSchema,
  type KeepAliveResponseSchema,
  type OpenSessionRequest,
  type OpenSessionResponseSchema,
  type RequestHeader,
  SessionService,
} from "@conclave/api/s0";
import { assert, unreachable } from "@conclave/base";
import {
  type AcknowledgeS0,
  checkCommand,
  defaultLimits,
  isNewsS0,
  type Reply,
  type SessionId,
} from "@conclave/fsm";
import type { ConnectRouter, HandlerContext } from "@connectrpc/connect";
import type { ElectionNode } from "../replica/election-node.ts";
import type { PartitionReplica } from "../replica/partition-replica.ts";
import type { SubmissionOutcome } from "../replica/proposals.ts";
import type { LeaseOutcome } from "../replica/renewals.ts";
import {
  dialectErrorOf,
  dialectFailure,
  failureOfDialectRefusal,
  failureOfDialectSubmission,
} from "./dialect-failure.ts";
import { type DialectServices, patienceOf } from "./dialect-service.ts";
import { type HeaderInit, isNoneOfS0, partitionOf, refusedHeader, s0Refusal } from "./s0-call.ts";

export function registerS0Sessions(router: ConnectRouter, { node }: DialectServices): void {
  router.service(SessionService, {
    openSession: (request, context) => openSession(node, request, context),
    keepAlive: ({ header }, context) => keepAlive(node, header, context),
    closeSession: ({ header }, context) => closeSession(node, header, context),
  });
}

/** Of a client that says nothing, as in the original. */
const TIMEOUT_MS = 30_000;
const NUMBER_MAX = BigInt(Number.MAX_SAFE_INTEGER);

async function openSession(
  node: ElectionNode,
  { header, timeout }: OpenSessionRequest,
  context: HandlerContext,
): Promise<MessageInitShape<typeof OpenSessionResponseSchema>> {
  const partition = partitionOf(node, header);
  const askedMs =
    timeout === undefined ? TIMEOUT_MS : Number(timeout.seconds) * 1_000 + timeout.nanos / 1e6;
  const { ttlMsMin, ttlMsMax } = defaultLimits;
  const ttlMs = Math.min(Math.max(Math.ceil(askedMs), ttlMsMin), ttlMsMax);
  const reply = await new Promise<Reply>((resolve, reject) => {
    partition.submit({
      ...patienceOf(node, context),
      commands: [{ kind: "open-indexed-session", dialect: "s0", ttlMs }],
      mayUseReserve: false,
      settle: (outcome) => replyOf(outcome, resolve, reject),
    });
  });
  // Only for want of room, which passes.
  if (reply.kind === "refused") throw dialectErrorOf(failureOfDialectRefusal(reply), "s0");
  assert(reply.kind === "session-opened", "a session is opened or refused");
  const { sessionId, index } = reply;
  return { header: { sessionId, index } };
}

/** Renews the lease; what it acknowledges besides is an entry of its own, which it does not wait for. */
async function keepAlive(
  node: ElectionNode,
  header: RequestHeader | undefined,
  context: HandlerContext,
): Promise<MessageInitShape<typeof KeepAliveResponseSchema>> {
  const partition = partitionOf(node, header);
  const { sessionId } = header!;
  if (isNoneOfS0(partition, sessionId)) return { header: unknownSession(sessionId, context) };
  const lease = await new Promise<LeaseOutcome>((settle) => {
    partition.renew({ sessionId, number: 0n, attachment: undefined, settle });
  });
  switch (lease.kind) {
    case "confirmed":
      acknowledge(node, partition, header!);
      return { header: { sessionId } };
    case "ended":
    case "not-registered":
      return { header: unknownSession(sessionId, context) };
    case "unconfirmed":
      throw dialectErrorOf(dialectFailure("unavailable", "not renewed; try again"), "s0");
    default:
      return unreachable(lease);
  }
}

/** As this replica sees it: where it is behind, the next KeepAlive acknowledges the rest. */
function acknowledge(
  node: ElectionNode,
  partition: PartitionReplica,
  { sessionId, requestId, streams }: RequestHeader,
): void {
  const command: AcknowledgeS0 = {
    kind: "acknowledge-s0",
    sessionId,
    number: numberOf(requestId),
    streams: streams.map(({ streamId, responseId }) => {
      return { streamId: numberOf(streamId), responseId: numberOf(responseId) };
    }),
  };
  if (checkCommand(defaultLimits, command) !== undefined) return;
  if (!isNewsS0(partition.state, command)) return;
  const giveUpAtMs = node.giveUpAtMs();
  partition.submit({ commands: [command], giveUpAtMs, mayUseReserve: false, settle: () => {} });
}

/** No number that a client can have been given is larger. */
function numberOf(value: bigint): number {
  return Number(value < NUMBER_MAX ? value : NUMBER_MAX);
}

/** Whoever has closed it before finds it closed. */
async function closeSession(
  node: ElectionNode,
  header: RequestHeader | undefined,
  context: HandlerContext,
): Promise<MessageInitShape<typeof CloseSessionResponseSchema>> {
  const partition = partitionOf(node, header);
  const { sessionId } = header!;
  if (sessionId === 0n || isNoneOfS0(partition, sessionId)) {
    return { header: unknownSession(sessionId, context) };
  }
  await new Promise<Reply>((resolve, reject) => {
    const settle = (outcome: SubmissionOutcome): void => replyOf(outcome, resolve, reject);
    partition.closeSession(sessionId, {
      ...patienceOf(node, context),
      mayUseReserve: true,
      settle,
    });
  });
  const isKnown = partition.session(sessionId) === "ended";
  return { header: isKnown ? { sessionId } : unknownSession(sessionId, context) };
}

function unknownSession(sessionId: SessionId, context: HandlerContext): HeaderInit {
  return refusedHeader({ sessionId }, s0Refusal("session not found"), context);
}

function replyOf(
  outcome: SubmissionOutcome,
  resolve: (reply: Reply) => void,
  reject: (error: unknown) => void,
): void {
  const [reply] = outcome.kind === "replied" ? outcome.replies : [];
  if (reply !== undefined) resolve(reply);
  else if (outcome.kind !== "replied") {
    reject(dialectErrorOf(failureOfDialectSubmission(outcome, true), "s0"));
  }
}
