// SPDX-License-Identifier: Apache-2.0
/**
 * `atomix.multiraft.v1.Partition` of S1: one session for each client and partition, whose id is the
 * partition's `index` when it was opened (semantics A2, 4.2).
 */

import type { MessageInitShape } from "@bufbuild/protobuf";
import type { Duration } from "@bufbuild/protobuf/wkt";
import {
  type CloseSessionRequest,
  type CloseSessionResponseSchema,
  type KeepAliveRequest,
  type KeepAliveResponseSchema,
  type OpenSessionRequest,
  type OpenSessionResponseSchema,
  Partition,
} from "@conclave/api/s1";
import { assert, unreachable } from "@conclave/base";
import { acknowledgedBy, defaultLimits, numberingOf, type Reply } from "@conclave/fsm";
import { Code, ConnectError, type ConnectRouter, type HandlerContext } from "@connectrpc/connect";
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
import { acknowledgementOf, type KeptAlive } from "./s1-acknowledgement.ts";
import { readFilter } from "./s1-filter.ts";
import { numberOf, partitionOf } from "./s1-headers.ts";
import { barrier } from "./s1-primitive.ts";

export function registerS1Sessions(router: ConnectRouter, { node }: DialectServices): void {
  router.service(Partition, {
    openSession: (request, context) => openSession(node, request, context),
    keepAlive: (request, context) => keepAlive(node, request, context),
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
  const ttlMs = ttlOf(input?.timeout);
  const outcome = await new Promise<SubmissionOutcome>((settle) => {
    partition.submit({
      ...patienceOf(node, context),
      commands: [{ kind: "open-indexed-session", dialect: "s1", ttlMs }],
      mayUseReserve: false,
      settle,
    });
  });
  const reply = replyOf(outcome);
  if (reply.kind === "refused") throw dialectErrorOf(failureOfDialectRefusal(reply), "s1");
  assert(reply.kind === "session-opened", "a session is opened or refused");
  const { sessionId, index } = reply;
  return { headers: { index }, output: { sessionId } };
}

function ttlOf(timeout: Duration | undefined): number {
  const { seconds, nanos } = timeout ?? { seconds: 0n, nanos: 0 };
  if (seconds === 0n && nanos === 0) return TIMEOUT_MS;
  const { ttlMsMin, ttlMsMax } = defaultLimits;
  const askedMs = Math.ceil(Number(seconds) * 1_000 + nanos / 1e6);
  return Math.min(Math.max(askedMs, ttlMsMin), ttlMsMax);
}

/** Renews the lease; what it acknowledges besides is an entry of its own, which it does not wait for. */
async function keepAlive(
  node: ElectionNode,
  { headers, input }: KeepAliveRequest,
  context: HandlerContext,
): Promise<MessageInitShape<typeof KeepAliveResponseSchema>> {
  const partition = partitionOf(node, headers);
  const sessionId = input?.sessionId ?? 0n;
  const lastInput = numberOf("last_input_sequence_num", input?.lastInputSequenceNum ?? 0n, 0);
  const filter = readFilter(input?.inputFilter ?? new Uint8Array());
  if (filter === undefined) {
    throw new ConnectError("input_filter: a Bloom filter in JSON", Code.InvalidArgument);
  }
  if (isAnothers(partition, sessionId)) throw unknownSession();
  const lease = await new Promise<LeaseOutcome>((settle) => {
    partition.renew({ sessionId, number: 0n, attachment: undefined, settle });
  });
  switch (lease.kind) {
    case "confirmed":
      acknowledge(node, partition, { sessionId, lastInput, filter });
      return { headers: { index: partition.state.index }, output: {} };
    case "ended":
    case "not-registered":
      throw unknownSession();
    case "unconfirmed":
      context.signal.throwIfAborted();
      throw dialectErrorOf(dialectFailure("unavailable", "not renewed; try again"), "s1");
    default:
      return unreachable(lease);
  }
}

/** As this replica sees it: where it is behind, the next KeepAlive acknowledges the rest. */
function acknowledge(node: ElectionNode, partition: PartitionReplica, kept: KeptAlive): void {
  const before = acknowledgedBy(partition.state, kept.sessionId);
  const command = before && acknowledgementOf(kept, before, OPEN_MAX);
  if (command === undefined) return;
  const giveUpAtMs = node.giveUpAtMs();
  partition.submit({ commands: [command], giveUpAtMs, mayUseReserve: false, settle: () => {} });
}

/** Whoever has closed it before finds it closed. */
async function closeSession(
  node: ElectionNode,
  { headers, input }: CloseSessionRequest,
  context: HandlerContext,
): Promise<MessageInitShape<typeof CloseSessionResponseSchema>> {
  const partition = partitionOf(node, headers);
  const sessionId = input?.sessionId ?? 0n;
  const patience = patienceOf(node, context);
  if (numberingOf(partition.state, sessionId) === undefined) {
    const failure = await barrier(partition, patience.giveUpAtMs);
    if (failure !== undefined) throw dialectErrorOf(failure, "s1");
  }
  const numbering = numberingOf(partition.state, sessionId);
  if (numbering === undefined || isAnothers(partition, sessionId)) throw unknownSession();
  if (numbering === "s1") {
    const outcome = await new Promise<SubmissionOutcome>((settle) => {
      partition.closeSession(sessionId, { ...patience, mayUseReserve: true, settle });
    });
    replyOf(outcome);
  }
  return { headers: { index: partition.state.index }, output: {} };
}

/** It counts in another way. One that is not here may be at the leader. */
function isAnothers({ state }: PartitionReplica, sessionId: bigint): boolean {
  const numbering = numberingOf(state, sessionId);
  return numbering === "native" || numbering === "s0";
}

function unknownSession(): ConnectError {
  return new ConnectError("session not found", Code.PermissionDenied);
}

/** Of the one command that there was. */
function replyOf(outcome: SubmissionOutcome): Reply {
  if (outcome.kind !== "replied")
    throw dialectErrorOf(failureOfDialectSubmission(outcome, true), "s1");
  const [reply] = outcome.replies;
  assert(reply !== undefined, "a command has a reply");
  return reply;
}
