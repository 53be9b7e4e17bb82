// SPDX-License-Identifier: Apache-2.0
/** Requests of conclave.cluster.v1, checked and put into domain values. */

import type { OperationOutcome } from "../replica/cluster-operation.ts";
import { type Failure, invalidField, notApplied } from "./failure.ts";

const NODE_MAX = 65_535;
const ADDRESS_BYTES_MAX = 256;
const PORT_MAX = 65_535;

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
