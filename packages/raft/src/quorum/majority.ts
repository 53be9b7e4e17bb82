// SPDX-License-Identifier: Apache-2.0
/** What a majority has: the arithmetic of votes and of matching indices, as pure functions. */

import type { ReplicaId } from "../ids.ts";

export type VoteResult = "won" | "lost" | "pending";

/** How a ballot among `voters` stands. An empty set wins: it adds no condition to a joint quorum. */
export function majorityVote(
  voters: readonly ReplicaId[],
  voteOf: (voter: ReplicaId) => boolean | undefined,
): VoteResult {
  let yes = 0;
  let open = 0;
  for (const voter of voters) {
    const vote = voteOf(voter);
    if (vote === undefined) open += 1;
    else if (vote) yes += 1;
  }
  const needed = voters.length === 0 ? 0 : Math.floor(voters.length / 2) + 1;
  if (yes >= needed) return "won";
  return yes + open >= needed ? "pending" : "lost";
}

/** The highest index that a majority of `voters` has reached; infinite for none. */
export function majorityIndex(
  voters: readonly ReplicaId[],
  matchIndexOf: (voter: ReplicaId) => number,
): number {
  if (voters.length === 0) return Number.POSITIVE_INFINITY;
  const indices = voters.map(matchIndexOf).sort((a, b) => b - a);
  return indices[Math.floor(voters.length / 2)]!;
}
