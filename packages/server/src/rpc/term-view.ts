// SPDX-License-Identifier: Apache-2.0
/** What the dialects are shown of an election: its reported term and its whole list, leader first. */

import type { ElectionView, PrimitiveKey, TermView } from "@conclave/fsm";
import type { PartitionReplica } from "../replica/partition-replica.ts";
import { readElection } from "../replica/reads.ts";
import { type DialectFailure, failureOfDialectRead } from "./dialect-failure.ts";
import { checkKey } from "./dialect-key.ts";

/** A linearizable read: a quorum round, then this node's replica. */
export function readTerm(
  home: PartitionReplica,
  key: PrimitiveKey,
  giveUpAtMs: number,
): Promise<TermView | DialectFailure> {
  const problem = checkKey(key);
  if (problem !== undefined) return Promise.resolve(problem);
  return new Promise((resolve) => {
    readElection(home, key, giveUpAtMs, (outcome) => {
      if (outcome.kind === "failed") resolve(failureOfDialectRead(outcome));
      else resolve(termViewOf(outcome.value));
    });
  });
}

export function termViewOf(view: ElectionView): TermView {
  const { leader, queue, reportedTerm, sinceMs, changedMs } = view;
  const list = leader === undefined ? queue : [leader, ...queue];
  return {
    term: reportedTerm,
    ...(sinceMs === undefined ? {} : { sinceMs }),
    ...(changedMs === undefined ? {} : { changedMs }),
    candidates: list.map(({ name }) => name),
  };
}
