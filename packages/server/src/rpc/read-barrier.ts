// SPDX-License-Identifier: Apache-2.0
/** Waiting for the leader's word, where this node's replica alone may be behind. */

import { numberingOf, type SessionId } from "@conclave/fsm";
import type { PartitionReplica } from "../replica/partition-replica.ts";
import { type DialectFailure, failureOfDialectRead } from "./dialect-failure.ts";

/** Resolves when all is applied here that was committed when it was asked for, or with why not. */
export function barrier(
  partition: PartitionReplica,
  giveUpAtMs: number,
): Promise<DialectFailure | undefined> {
  return new Promise((resolve) => {
    partition.barrier({
      giveUpAtMs,
      waitsForLeader: true,
      settle: (outcome) =>
        resolve(outcome.kind === "failed" ? failureOfDialectRead(outcome) : undefined),
    });
  });
}

/** Which protocol's session it is, if any; one that this replica does not know may be at the leader. */
export async function numberingAt(
  partition: PartitionReplica,
  sessionId: SessionId,
  giveUpAtMs: number,
): Promise<ReturnType<typeof numberingOf> | DialectFailure> {
  const known = numberingOf(partition.state, sessionId);
  if (known !== undefined) return known;
  return (await barrier(partition, giveUpAtMs)) ?? numberingOf(partition.state, sessionId);
}
