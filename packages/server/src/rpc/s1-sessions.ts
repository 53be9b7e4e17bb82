// SPDX-License-Identifier: Apache-2.0
/** `atomix.multiraft.v1.Partition` of S1: sessions, and what their KeepAlives acknowledge (4.2). */

import type { MessageInitShape } from "@bufbuild/protobuf";
import {
  type CloseSessionRequest,
  type CloseSessionResponseSchema,
  type KeepAliveRequest,
  type KeepAliveResponseSchema,
  type OpenSessionRequest,
  type OpenSessionResponseSchema,
  Partition,
} from "@conclave/api/s1";
import { acknowledgedBy, defaultLimits } from "@conclave/fsm";
import { Code, ConnectError, type ConnectRouter, type HandlerContext } from "@connectrpc/connect";
import type { ElectionNode } from "../replica/election-node.ts";
import { dialectErrorOf } from "./dialect-failure.ts";
import { type DialectServices, patienceOf } from "./dialect-service.ts";
import {
  acknowledge,
  closeIndexedSession,
  openIndexedSession,
  renewIndexedSession,
  ttlOf,
} from "./indexed-session.ts";
import { acknowledgementOf } from "./s1-acknowledgement.ts";
import { readFilter } from "./s1-filter.ts";
import { numberOf, partitionOf } from "./s1-headers.ts";
import { UNKNOWN_SESSION } from "./s1-primitive.ts";

export function registerS1Sessions(router: ConnectRouter, { node }: DialectServices): void {
  router.service(Partition, {
    openSession: (request, context) => openSession(node, request, context),
    keepAlive: (request) => keepAlive(node, request),
    closeSession: (request, context) => closeSession(node, request, context),
  });
}

/** Of a client that says nothing, as in the original. */
const TIMEOUT_MS = 60_000;
/**
 * How many numbers a session may have open besides those above its watermark: half of the answers
 * that are kept for it, so that there is always room for new ones.
 */
const OPEN_MAX = defaultLimits.unacknowledgedPerSessionMax / 2;

async function openSession(
  node: ElectionNode,
  { headers, input }: OpenSessionRequest,
  context: HandlerContext,
): Promise<MessageInitShape<typeof OpenSessionResponseSchema>> {
  const partition = partitionOf(node, headers);
  const ttlMs = ttlOf(input?.timeout, TIMEOUT_MS);
  const opened = await openIndexedSession(partition, "s1", ttlMs, patienceOf(node, context));
  return { headers: { index: opened.index }, output: { sessionId: opened.sessionId } };
}

/**
 * What it tells of outputs received is of no use here: no call has more than one, and that one is
 * forgotten with its number.
 */
async function keepAlive(
  node: ElectionNode,
  { headers, input }: KeepAliveRequest,
): Promise<MessageInitShape<typeof KeepAliveResponseSchema>> {
  const partition = partitionOf(node, headers);
  const sessionId = input?.sessionId ?? 0n;
  const lastInput = numberOf("last_input_sequence_num", input?.lastInputSequenceNum ?? 0n, 0);
  const filter = readFilter(input?.inputFilter ?? new Uint8Array());
  if (filter === undefined) {
    throw new ConnectError("input_filter: a Bloom filter in JSON", Code.InvalidArgument);
  }
  if (!(await renewIndexedSession(partition, "s1", sessionId))) {
    throw dialectErrorOf(UNKNOWN_SESSION, "s1");
  }
  // As this replica sees it: where it is behind, the next KeepAlive acknowledges the rest.
  const before = acknowledgedBy(partition.state, sessionId);
  const command = before && acknowledgementOf({ sessionId, lastInput, filter }, before, OPEN_MAX);
  if (command !== undefined) acknowledge(node, partition, command);
  return { headers: { index: partition.state.index }, output: {} };
}

async function closeSession(
  node: ElectionNode,
  { headers, input }: CloseSessionRequest,
  context: HandlerContext,
): Promise<MessageInitShape<typeof CloseSessionResponseSchema>> {
  const partition = partitionOf(node, headers);
  const { sessionId = 0n } = input ?? {};
  if (!(await closeIndexedSession(partition, "s1", sessionId, patienceOf(node, context)))) {
    throw dialectErrorOf(UNKNOWN_SESSION, "s1");
  }
  return { headers: { index: partition.state.index }, output: {} };
}
