// SPDX-License-Identifier: Apache-2.0
/**
 * ClusterService of conclave.cluster.v1: status, members, leaders, sessions and backups, for operators.
 */

import { create } from "@bufbuild/protobuf";
import {
  ClusterService,
  type ListNamespacesRequest,
  type ListNamespacesResponse,
  ListNamespacesResponseSchema,
  type SaveSnapshotResponse,
  SaveSnapshotResponseSchema,
} from "@conclave/api/cluster";
import type { Clock } from "@conclave/base";
import type { ConnectRouter, HandlerContext, ServiceImpl } from "@connectrpc/connect";
import { takeBackup } from "../replica/backup.ts";
import type { Operation } from "../replica/cluster-operation.ts";
import type { ClusterOperations } from "../replica/cluster-operations.ts";
import type { ElectionNode } from "../replica/election-node.ts";
import { namespacePage } from "../replica/namespaces.ts";
import { isFailure } from "../wire/bounds.ts";
import {
  checkAddress,
  failureOfOperation,
  namespacePageQueryOf,
  namespacePageTokenOf,
  nodeOf,
  partitionsOf,
} from "../wire/cluster-requests.ts";
import { connectErrorOf, type Failure, failureOfRead, notApplied } from "../wire/failure.ts";
import { ClusterQuestions } from "./cluster-questions.ts";
import type { StatusSource } from "./cluster-status.ts";

export interface ClusterServiceOptions extends StatusSource {
  readonly operations: Pick<
    ClusterOperations,
    "changeMembers" | "transfer" | "answerBy" | "askLeader" | "askNode"
  >;
  readonly clock: Clock;
}

/** Serves ClusterService on `router`, and answers what other nodes ask for their callers. */
export function registerClusterService(
  router: ConnectRouter,
  options: ClusterServiceOptions,
): void {
  router.service(ClusterService, clusterService(options));
}

/** A message of a backup is closed at this size; the wire's own limit is 256 KiB. */
const MESSAGE_BYTES = 128 * 1024;

function clusterService(options: ClusterServiceOptions): ServiceImpl<typeof ClusterService> {
  const { node, operations } = options;
  const questions = new ClusterQuestions(options);
  const giveUpAtMs = (context: HandlerContext): number => node.giveUpAtMs(context.timeoutMs());
  const change = async (
    operation: Extract<Operation, { kind: "add-member" | "remove-member" }>,
    problem: Failure | undefined,
    context: HandlerContext,
  ): Promise<boolean> => {
    if (problem !== undefined) throw connectErrorOf(problem);
    const outcome = await operations.changeMembers(operation, giveUpAtMs(context));
    if (outcome.kind !== "done") throw connectErrorOf(failureOfOperation(outcome));
    return outcome.already;
  };
  return {
    status: (request, context) => questions.status(request, context.timeoutMs()),
    listSessions: (request, context) => questions.sessions(request, giveUpAtMs(context)),
    listNamespaces: (request) => listNamespaces(node, request),
    async addMember({ node: added, address }, context) {
      const problem = nodeOf(added, "node") ?? checkAddress(address, "address");
      const operation = { kind: "add-member", node: added, address } as const;
      return { already: await change(operation, problem, context) };
    },
    async removeMember({ node: removed }, context) {
      const operation = { kind: "remove-member", node: removed } as const;
      await change(operation, nodeOf(removed, "node"), context);
      return {};
    },
    async transferLeadership({ toNode, partition }, context) {
      const problem = nodeOf(toNode, "to_node");
      if (problem !== undefined) throw connectErrorOf(problem);
      const partitions = partitionsOf(partition, node.cluster.partitionCount);
      if (isFailure(partitions)) throw connectErrorOf(partitions);
      const led = await operations.transfer(partitions, toNode, giveUpAtMs(context));
      if (led === "no_such_member") throw connectErrorOf(notApplied(led));
      return { partitions: [...led] };
    },
    saveSnapshot: (_request, context) => saveSnapshot(options, context.signal),
  };
}

function listNamespaces(
  { partitions }: ElectionNode,
  request: ListNamespacesRequest,
): ListNamespacesResponse {
  const query = namespacePageQueryOf(request);
  if (isFailure(query)) throw connectErrorOf(query);
  const { namespaces, next } = namespacePage(partitions, query.after, query.limit);
  return create(ListNamespacesResponseSchema, {
    namespaces: namespaces.map(({ namespace, count }) => ({ namespace, elections: BigInt(count) })),
    nextPageToken: namespacePageTokenOf(next),
  });
}

async function* saveSnapshot(
  { node, logs, clock }: ClusterServiceOptions,
  signal: AbortSignal,
): AsyncGenerator<SaveSnapshotResponse> {
  const { clusterId, partitionCount } = node.cluster;
  const header = { clusterId, partitionCount, savedMs: clock.wallMs() };
  let held = new Uint8Array(MESSAGE_BYTES);
  let length = 0;
  const take = (): SaveSnapshotResponse => {
    const chunk = held.subarray(0, length);
    held = new Uint8Array(MESSAGE_BYTES);
    length = 0;
    return create(SaveSnapshotResponseSchema, { chunk });
  };
  const sources = node.partitions.map((partition, i) => ({ partition, log: logs[i]! }));
  for await (const part of takeBackup(sources, header, () => node.giveUpAtMs(), clock)) {
    if (signal.aborted) return;
    if (!(part instanceof Uint8Array)) throw connectErrorOf(failureOfRead(part));
    for (let at = 0; at < part.length; ) {
      const piece = part.subarray(at, at + MESSAGE_BYTES - length);
      held.set(piece, length);
      length += piece.length;
      at += piece.length;
      if (length === MESSAGE_BYTES) yield take();
    }
  }
  if (length > 0) yield take();
}
