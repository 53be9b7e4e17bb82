// SPDX-License-Identifier: Apache-2.0
/** What the dialects are shown of an election: its reported term and its whole list, leader first. */

import {
  defaultLimits,
  type ElectionView,
  isName,
  type PrimitiveKey,
  type TermView,
} from "@conclave/fsm";
import type { PartitionReplica } from "../replica/partition-replica.ts";
import { readElection } from "../replica/reads.ts";
import { type DialectFailure, dialectFailure, failureOfDialectRead } from "./dialect-failure.ts";

/** A linearizable read: a quorum round, then this node's replica. */
export function readTerm(
  home: PartitionReplica,
  key: PrimitiveKey,
  giveUpAtMs: number,
): Promise<TermView | DialectFailure> {
  const { nameBytesMax } = defaultLimits;
  if (!isName(key.namespace, nameBytesMax) || !isName(key.name, nameBytesMax)) {
    const bound = `1 to ${nameBytesMax} bytes of UTF-8 without control characters`;
    return Promise.resolve(dialectFailure("invalid", `namespace and name: ${bound}`));
  }
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
