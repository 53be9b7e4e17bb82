// SPDX-License-Identifier: Apache-2.0
/** Proposals: a leader appends them to its log or refuses them with a reason; it drops none. */

import type { Proposal, ProposalRefusal } from "./event.ts";
import { appendAsLeader } from "./leader-log.ts";
import type { Output } from "./output.ts";
import { replicateToAll } from "./sending.ts";
import { type RaftState, uncommittedBytes } from "./state.ts";

export function propose(state: RaftState, out: Output, proposals: readonly Proposal[]): void {
  for (const { proposal, bytes, raftTerm: expected } of proposals) {
    const reason = refusalOf(state, bytes, expected);
    if (reason === undefined) {
      const index = appendAsLeader(state, out, "proposal", bytes);
      out.effects.push({ kind: "proposed", proposal, index });
    } else {
      out.effects.push({ kind: "refused", proposal, reason });
    }
  }
  if (state.role.kind === "leader") replicateToAll(state, state.role, out);
}

function refusalOf(
  state: RaftState,
  bytes: Uint8Array,
  expectedRaftTerm: number | undefined,
): ProposalRefusal | undefined {
  const { role, raftTerm, log, commitIndex } = state;
  // Until it is announced the leader's state machine lags behind what earlier leaders committed; and
  // a successor could never catch up with a leader that goes on taking proposals.
  const isTaking = role.kind === "leader" && role.isAnnounced && role.transfer === undefined;
  if (!isTaking) return "not-leader";
  if (expectedRaftTerm !== undefined && expectedRaftTerm !== raftTerm) return "raft-term-changed";
  const { uncommittedBytesMax, uncommittedEntriesMax } = state.config;
  if (log.last.index - commitIndex >= uncommittedEntriesMax) return "overloaded";
  // One entry is always let in, or one above the bound could never be proposed.
  const uncommitted = uncommittedBytes(state);
  const isTooMuch = uncommitted + bytes.length > uncommittedBytesMax;
  return isTooMuch && uncommitted > 0 ? "overloaded" : undefined;
}
