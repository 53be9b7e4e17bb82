// SPDX-License-Identifier: Apache-2.0
/** Requests of conclave.cluster.v1, checked and put into domain values. */

import type { ListNamespacesRequest, ListSessionsRequest } from "@conclave/api/cluster";
import { defaultLimits, isName } from "@conclave/fsm";
import type { OperationOutcome, QuestionOutcome } from "../replica/cluster-operation.ts";
import { type Failure, invalidField, notApplied } from "./failure.ts";

const NODE_MAX = 65_535;
const ADDRESS_BYTES_MAX = 256;
const PORT_MAX = 65_535;
const PAGE_SIZE_DEFAULT = 100;
const PAGE_SIZE_MAX = 1_000;
const INSTANCE = /^[0-9a-f]{16}$/;

/** A page token is what the page before ended with, after one letter for its format. */
const PAGE_TOKEN_FORMAT = "a";

export function nodeOf(node: number, field: string): Failure | undefined {
  return node >= 1 && node <= NODE_MAX ? undefined : invalidField(field, `1 to ${NODE_MAX}`);
}

/** HOST:PORT, where HOST is a name, an IPv4 address, or an IPv6 address in brackets. */
export function checkAddress(address: string, field: string): Failure | undefined {
  const match = /^(?:[A-Za-z0-9_.-]+|\[[0-9A-Fa-f:.]+\]):(\d{1,5})$/.exec(address);
  const port = Number(match?.[1] ?? 0);
  const isSound = address.length <= ADDRESS_BYTES_MAX && port >= 1 && port <= PORT_MAX;
  return isSound ? undefined : invalidField(field, "HOST:PORT, for instance 10.0.0.4:7400");
}

/** The partitions that are meant: one, or all where it is 0. */
export function partitionsOf(
  partition: number,
  partitionCount: number,
): readonly number[] | Failure {
  if (partition > partitionCount) return invalidField("partition", `0 to ${partitionCount}`);
  if (partition > 0) return [partition];
  return Array.from({ length: partitionCount }, (_, i) => i + 1);
}

export interface SessionPageQuery {
  readonly partition: number;
  /** Only this one; undefined for all. */
  readonly instance: string | undefined;
  /** The instance that the page before ended with; empty for the first page. */
  readonly after: string;
  readonly limit: number;
}

export function sessionPageQueryOf(
  request: ListSessionsRequest,
  partitionCount: number,
): SessionPageQuery | Failure {
  const { partition, instance, pageSize, pageToken } = request;
  const limit = limitOf(pageSize);
  if (typeof limit !== "number") return limit;
  if (partition < 1 || partition > partitionCount) {
    return invalidField("partition", `1 to ${partitionCount}`);
  }
  if (instance !== "" && !INSTANCE.test(instance)) {
    return invalidField("instance", "16 hex digits, as it is shown beside a candidate");
  }
  const after = pageToken.slice(PAGE_TOKEN_FORMAT.length);
  const isOurs = pageToken === "" || pageToken === sessionPageTokenOf(after);
  if (!isOurs || (after !== "" && !INSTANCE.test(after))) return foreignToken();
  return { partition, instance: instance === "" ? undefined : instance, after, limit };
}

export function sessionPageTokenOf(last: string): string {
  return PAGE_TOKEN_FORMAT + last;
}

export interface NamespacePageQuery {
  /** What the page before ended with; undefined for the first page. */
  readonly after: string | undefined;
  readonly limit: number;
}

export function namespacePageQueryOf(request: ListNamespacesRequest): NamespacePageQuery | Failure {
  const { pageSize, pageToken } = request;
  const limit = limitOf(pageSize);
  if (typeof limit !== "number") return limit;
  if (pageToken === "") return { after: undefined, limit };
  const after = pageToken.slice(PAGE_TOKEN_FORMAT.length);
  const isOurs =
    pageToken === namespacePageTokenOf(after) && isName(after, defaultLimits.nameBytesMax);
  return isOurs ? { after, limit } : foreignToken();
}

export function namespacePageTokenOf(last: string | undefined): string {
  return last === undefined ? "" : PAGE_TOKEN_FORMAT + last;
}

function limitOf(pageSize: number): number | Failure {
  if (pageSize <= PAGE_SIZE_MAX) return pageSize === 0 ? PAGE_SIZE_DEFAULT : pageSize;
  return invalidField("page_size", `1 to ${PAGE_SIZE_MAX}, or 0 for ${PAGE_SIZE_DEFAULT}`);
}

function foreignToken(): Failure {
  return invalidField("page_token", "from the answer before, to the same request");
}

/** A question that was not answered: nothing was done by it, so any node may be asked again. */
export function failureOfQuestion(
  outcome: Exclude<QuestionOutcome, { readonly kind: "answered" }>,
): Failure {
  if (outcome.kind === "unknown") return notApplied("node_unreachable");
  return failureOfOperation(outcome);
}

/** What did not come about. */
export function failureOfOperation(
  outcome: Exclude<OperationOutcome, { readonly kind: "done" }>,
): Failure {
  if (outcome.kind === "unknown") {
    return { kind: "failure", reason: "outcome_unknown", outcome: "unknown" };
  }
  switch (outcome.reason) {
    case "no_members":
      // The cluster's first leader has not listed them yet.
      return notApplied("no_leader");
    case "in_use":
      return notApplied("member_exists");
    default:
      return notApplied(outcome.reason);
  }
}
