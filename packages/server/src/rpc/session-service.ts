// SPDX-License-Identifier: Apache-2.0
/** SessionService of conclave.v1: sessions by unary calls, and Attach, which carries everything. */

import type {
  KeepAliveRequest,
  Lease,
  OpenSessionRequest,
  OpenSessionResponse,
  SessionService,
} from "@conclave/api";
import type { OpenSession } from "@conclave/fsm";
import type { ServiceImpl } from "@connectrpc/connect";
import type { ElectionNode } from "../replica/election-node.ts";
import type { PartitionReplica } from "../replica/partition-replica.ts";
import type { SubmissionOutcome } from "../replica/proposals.ts";
import { isFailure } from "../wire/bounds.ts";
import {
  connectErrorOf,
  type Failure,
  failureOfRefusal,
  failureOfSubmission,
  invalidField,
} from "../wire/failure.ts";
import { instanceOf } from "../wire/instance.ts";
import { openSessionOf, partitionsOf, renewalOf } from "../wire/session-requests.ts";
import { leaseOf } from "../wire/views.ts";
import { AttachStream } from "./attach-stream.ts";
import { closeSession } from "./close-session.ts";
import { clusterInfoOf } from "./cluster-info.ts";
import { connectionKey } from "./connection-context.ts";
import { listen } from "./listen-stream.ts";

export function sessionService(
  node: ElectionNode,
  drawSessionId: () => bigint,
): ServiceImpl<typeof SessionService> {
  return {
    openSession: (request, context) =>
      openSession(node, request, drawSessionId, node.giveUpAtMs(context.timeoutMs())),
    keepAlive: async (request) => ({ leases: await keepAlive(node, request) }),
    closeSession: async ({ sessionId }, context) => {
      if (sessionId === 0n) throw connectErrorOf(invalidField("session_id", "must not be 0"));
      const giveUpAtMs = node.giveUpAtMs(context.timeoutMs());
      const failure = await new Promise<Failure | undefined>((settled) =>
        closeSession(node, sessionId, giveUpAtMs, settled),
      );
      if (failure !== undefined) throw connectErrorOf(failure);
      return {};
    },
    async *attach(requests, context) {
      const stream = new AttachStream(node, context.values.get(connectionKey));
      const close = (): void => stream.close();
      context.signal.addEventListener("abort", close);
      // No event says so any more.
      if (context.signal.aborted) close();
      void stream.read(requests);
      try {
        yield* stream.frames();
      } finally {
        context.signal.removeEventListener("abort", close);
        close();
      }
    },
    listen(request, context) {
      // What nginx understands, and others after it: to pass each frame on as it comes.
      context.responseHeader.set("x-accel-buffering", "no");
      return listen(node, request, context.signal);
    },
  };
}

async function openSession(
  node: ElectionNode,
  request: OpenSessionRequest,
  drawSessionId: () => bigint,
  giveUpAtMs: number,
): Promise<Omit<OpenSessionResponse, "$typeName">> {
  const { partitionCount } = node.cluster;
  const everywhere = node.partitions.map(({ number }) => number);
  const numbers = partitionsOf(request.partitions, partitionCount, "partitions", everywhere);
  if (isFailure(numbers)) throw connectErrorOf(numbers);
  const sessionId = request.sessionId === 0n ? drawSessionId() : request.sessionId;
  const opening = openSessionOf(sessionId, request.options, "options.");
  if (isFailure(opening)) throw connectErrorOf(opening);
  const opened = await Promise.all(
    numbers.map((number) => register(node.partition(number), opening, giveUpAtMs)),
  );
  const leases: Lease[] = [];
  let unreached: Failure | undefined;
  let reachedCount = 0;
  for (const [i, lease] of opened.entries()) {
    if (!isFailure(lease)) {
      leases.push(lease);
      reachedCount++;
    } else if (isRefusal(lease)) {
      throw connectErrorOf(lease);
    } else {
      unreached = lease;
      leases.push(leaseOf(numbers[i] ?? 0, { kind: "unconfirmed" }));
    }
  }
  // Where some partitions were reached the client learns which; it registers on the others later.
  if (unreached !== undefined && reachedCount === 0) throw connectErrorOf(unreached);
  const cluster = clusterInfoOf(node);
  return { sessionId, instance: instanceOf(sessionId), cluster, leases };
}

/** The state machine's answer, which every retry would get again; else the partition was not reached. */
function isRefusal({ reason }: Failure): boolean {
  return reason === "session_mismatch" || reason === "too_many_sessions";
}

function register(
  partition: PartitionReplica,
  opening: OpenSession,
  giveUpAtMs: number,
): Promise<Lease | Failure> {
  return new Promise((resolve) => {
    const submission = { commands: [], giveUpAtMs, mayUseReserve: false };
    partition.register(opening, submission, undefined, (outcome, isLeased) =>
      resolve(leaseOfOpening(partition, opening, outcome, isLeased)),
    );
  });
}

function leaseOfOpening(
  partition: PartitionReplica,
  { sessionId }: OpenSession,
  outcome: SubmissionOutcome,
  isLeased: boolean,
): Lease | Failure {
  const { number } = partition;
  if (outcome.kind !== "replied") return failureOfSubmission(outcome);
  const [reply] = outcome.replies;
  if (reply?.kind === "refused") {
    if (reply.reason === "session_ended") return leaseOf(number, { kind: "ended" });
    return failureOfRefusal(reply, "open-session");
  }
  const session = partition.session(sessionId);
  if (!isLeased || session === undefined || session === "ended") {
    return leaseOf(number, { kind: "unconfirmed" });
  }
  const { officeRevision } = session;
  return leaseOf(number, { kind: "confirmed", number: 0n, officeRevision });
}

async function keepAlive(node: ElectionNode, request: KeepAliveRequest): Promise<Lease[]> {
  const { sessionId } = request;
  if (sessionId === 0n) throw connectErrorOf(invalidField("session_id", "must not be 0"));
  const renewal = renewalOf(request.renewal, node.cluster.partitionCount, "renewal");
  if (isFailure(renewal)) throw connectErrorOf(renewal);
  return await Promise.all(
    renewal.partitions.map(
      (partition) =>
        new Promise<Lease>((resolve) => {
          node.partition(partition).renew({
            sessionId,
            number: renewal.number,
            attachment: undefined,
            settle: (lease) => resolve(leaseOf(partition, lease)),
          });
        }),
    ),
  );
}
