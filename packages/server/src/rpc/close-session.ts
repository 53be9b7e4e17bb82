// SPDX-License-Identifier: Apache-2.0
/** Ends a session everywhere: for CloseSession and for `close_session` of a frame. */

import type { SessionId } from "@conclave/fsm";
import type { ElectionNode } from "../replica/election-node.ts";
import { type Failure, failureOfSubmission } from "../wire/failure.ts";

/**
 * Proposed on every partition, also where the local replica knows no such session: a registration may
 * be on its way there. What failed on one partition is safe to ask for again.
 */
export function closeSession(
  node: ElectionNode,
  sessionId: SessionId,
  giveUpAtMs: number,
  settled: (failure: Failure | undefined) => void,
): void {
  let missing = node.partitions.length;
  let failure: Failure | undefined;
  for (const partition of node.partitions) {
    partition.closeSession(sessionId, {
      giveUpAtMs,
      mayUseReserve: true,
      settle: (outcome) => {
        if (outcome.kind !== "replied") failure ??= failureOfSubmission(outcome);
        if (--missing === 0) settled(failure);
      },
    });
  }
}
