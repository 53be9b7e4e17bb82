// SPDX-License-Identifier: Apache-2.0
/** Waiting for the leader's word, where this node's replica alone may be behind. */

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
