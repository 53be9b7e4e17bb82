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
import {
  type AcknowledgeS0,
  checkCommand,
  defaultLimits,
  isNewsS0,
  type SessionId,
} from "@conclave/fsm";
import type { ConnectRouter, HandlerContext } from "@connectrpc/connect";
import type { ElectionNode } from "../replica/election-node.ts";
import type { PartitionReplica } from "../replica/partition-replica.ts";
import { type DialectServices, patienceOf } from "./dialect-service.ts";
import {
  acknowledge,
  closeIndexedSession,
  openIndexedSession,
  renewIndexedSession,
  ttlOf,
} from "./indexed-session.ts";
import { type HeaderInit, partitionOf, refusedHeader, s0Refusal } from "./s0-call.ts";

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
  const ttlMs = ttlOf(timeout, TIMEOUT_MS);
  return { header: await openIndexedSession(partition, "s0", ttlMs, patienceOf(node, context)) };
}

async function keepAlive(
  node: ElectionNode,
  header: RequestHeader | undefined,
  context: HandlerContext,
): Promise<MessageInitShape<typeof KeepAliveResponseSchema>> {
  const partition = partitionOf(node, header);
  const { sessionId } = header!;
  if (!(await renewIndexedSession(partition, "s0", sessionId))) {
    return { header: unknownSession(sessionId, context) };
  }
  acknowledgeNews(node, partition, header!);
  return { header: { sessionId } };
}

/** As this replica sees it: where it is behind, the next KeepAlive acknowledges the rest. */
function acknowledgeNews(
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
  if (isNewsS0(partition.state, command)) acknowledge(node, partition, command);
}

/** No number that a client can have been given is larger. */
function numberOf(value: bigint): number {
  return Number(value < NUMBER_MAX ? value : NUMBER_MAX);
}

async function closeSession(
  node: ElectionNode,
  header: RequestHeader | undefined,
  context: HandlerContext,
): Promise<MessageInitShape<typeof CloseSessionResponseSchema>> {
  const partition = partitionOf(node, header);
  const { sessionId } = header!;
  const patience = patienceOf(node, context);
  const isKnown = await closeIndexedSession(partition, "s0", sessionId, patience);
  return { header: isKnown ? { sessionId } : unknownSession(sessionId, context) };
}

function unknownSession(sessionId: SessionId, context: HandlerContext): HeaderInit {
  return refusedHeader({ sessionId }, s0Refusal("session not found"), context);
}
