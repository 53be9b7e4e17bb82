// SPDX-License-Identifier: Apache-2.0
/** Joint quorums: while the members change, both the old and the new majority must agree (section 6). */

import type { ReplicaId } from "../ids.ts";
import { majorityIndex, majorityVote, type VoteResult } from "./majority.ts";

/** Who votes. `outgoing` is empty except while a change is under way. Learners are in neither. */
export interface Voters {
  readonly voters: readonly ReplicaId[];
  readonly outgoing: readonly ReplicaId[];
}

export function jointVote(
  configuration: Voters,
  voteOf: (voter: ReplicaId) => boolean | undefined,
): VoteResult {
  const current = majorityVote(configuration.voters, voteOf);
  const outgoing = majorityVote(configuration.outgoing, voteOf);
  if (current === "lost" || outgoing === "lost") return "lost";
  return current === "won" && outgoing === "won" ? "won" : "pending";
}

export function jointIndex(
  configuration: Voters,
  matchIndexOf: (voter: ReplicaId) => number,
): number {
  return Math.min(
    majorityIndex(configuration.voters, matchIndexOf),
    majorityIndex(configuration.outgoing, matchIndexOf),
  );
}
