// SPDX-License-Identifier: Apache-2.0
/**
 * The headers of S1, which nest: what a request's say, and what an answer's are made of. What is
 * wrong with the headers themselves is INVALID_ARGUMENT, before anything is done.
 */

import type { MessageInitShape } from "@bufbuild/protobuf";
import {
  type CommandRequestHeaders,
  type CommandResponseHeadersSchema,
  type OperationResponseHeadersSchema,
  type PartitionRequestHeaders,
  type PrimitiveRequestHeaders,
  type QueryRequestHeaders,
  OperationResponseHeaders_Status as Status,
} from "@conclave/api/s1";
import { Code, ConnectError } from "@connectrpc/connect";
import type { ElectionNode } from "../replica/election-node.ts";
import type { PartitionReplica } from "../replica/partition-replica.ts";
import type { DialectCause, DialectFailure } from "./dialect-failure.ts";

/** Whose call it is, on which primitive. */
export interface Place {
  readonly partition: PartitionReplica;
  readonly sessionId: bigint;
  /** 0 where none is named. */
  readonly primitiveId: bigint;
}

export interface NumberedPlace extends Place {
  readonly number: number;
}

export interface QueryPlace extends Place {
  readonly maxReceivedIndex: bigint;
}

export function partitionOf(
  node: ElectionNode,
  headers: PartitionRequestHeaders | undefined,
): PartitionReplica {
  if (headers === undefined) throw invalidHeaders("headers of the partition are missing");
  const { partitionId } = headers;
  const { partitionCount } = node.cluster;
  if (partitionId >= 1 && partitionId <= partitionCount) return node.partition(partitionId);
  throw invalidHeaders(`partition_id ${partitionId}: the partitions are 1 to ${partitionCount}`);
}

export function commandPlaceOf(
  node: ElectionNode,
  headers: CommandRequestHeaders | undefined,
): NumberedPlace {
  const place = placeOf(node, headers?.operation?.session);
  return { ...place, number: numberOf("sequence_num", headers?.sequenceNum ?? 0n, 1) };
}

export function queryPlaceOf(
  node: ElectionNode,
  headers: QueryRequestHeaders | undefined,
): QueryPlace {
  const place = placeOf(node, headers?.operation?.session);
  return { ...place, maxReceivedIndex: headers?.maxReceivedIndex ?? 0n };
}

/** A number of the wire that is counted with: no client comes near 2^53 calls. */
export function numberOf(field: string, value: bigint, least: number): number {
  if (value >= BigInt(least) && value <= BigInt(Number.MAX_SAFE_INTEGER)) return Number(value);
  throw invalidHeaders(`${field}: ${least} to ${Number.MAX_SAFE_INTEGER}`);
}

export function operationHeaders(
  index: bigint,
  failure?: DialectFailure,
): MessageInitShape<typeof OperationResponseHeadersSchema> {
  const session = { session: { partition: { index } } };
  if (failure === undefined) return { session };
  return { session, status: STATUS[failure.cause], message: failure.message };
}

/** @param output the number of the output, which calls on the data have and no others. */
export function commandHeaders(
  index: bigint,
  output: bigint,
  failure?: DialectFailure,
): MessageInitShape<typeof CommandResponseHeadersSchema> {
  return { operation: operationHeaders(index, failure), outputSequenceNum: output };
}

/** Never FAULT, for which the clients' driver ends its process (bug 46). */
const STATUS: Readonly<Record<DialectCause, Status>> = {
  "not-found": Status.NOT_FOUND,
  forbidden: Status.FORBIDDEN,
  conflict: Status.CONFLICT,
  invalid: Status.INVALID,
  unavailable: Status.UNAVAILABLE,
  timeout: Status.TIMEOUT,
  precondition: Status.FORBIDDEN,
  exhausted: Status.UNAVAILABLE,
};

function placeOf(node: ElectionNode, headers: PrimitiveRequestHeaders | undefined): Place {
  const partition = partitionOf(node, headers?.session?.partition);
  const sessionId = headers?.session?.sessionId ?? 0n;
  return { partition, sessionId, primitiveId: headers?.primitiveId ?? 0n };
}

function invalidHeaders(message: string): ConnectError {
  return new ConnectError(message, Code.InvalidArgument);
}
