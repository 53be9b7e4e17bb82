// SPDX-License-Identifier: Apache-2.0
/** Joint quorums: while the members change, both the old and the new majority must agree (section 6). */

import type { NodeId } from "../ids.ts";
import { majorityIndex, majorityVote, type VoteResult } from "./majority.ts";

/** Who votes. `outgoing` is empty except while a change is under way. Learners are in neither. */
export interface Voters {
  readonly incoming: readonly NodeId[];
  readonly outgoing: readonly NodeId[];
}

export function jointVote(
  voters: Voters,
  voteOf: (voter: NodeId) => boolean | undefined,
): VoteResult {
  const incoming = majorityVote(voters.incoming, voteOf);
  const outgoing = majorityVote(voters.outgoing, voteOf);
  if (incoming === "lost" || outgoing === "lost") return "lost";
  return incoming === "won" && outgoing === "won" ? "won" : "pending";
}

export function jointIndex(voters: Voters, matchIndexOf: (voter: NodeId) => number): number {
  return Math.min(
    majorityIndex(voters.incoming, matchIndexOf),
    majorityIndex(voters.outgoing, matchIndexOf),
  );
}
