// SPDX-License-Identifier: Apache-2.0
/** Proposals: a leader appends them to its log or refuses them with a reason; it drops none. */

import { assert } from "@conclave/base";
import type { LogEntry } from "../log/entry.ts";
import type { Effect } from "./effect.ts";
import type { Proposal, ProposalRefusal } from "./event.ts";
import type { RaftState } from "./state.ts";

export function propose(state: RaftState, proposals: readonly Proposal[]): readonly Effect[] {
  const effects: Effect[] = [];
  const entries: LogEntry[] = [];
  const { raftTerm } = state;
  for (const { proposal, bytes, raftTerm: expected } of proposals) {
    const reason = refusalOf(state, bytes, expected);
    if (reason !== undefined) {
      effects.push({ kind: "refused", proposal, reason });
      continue;
    }
    const lastIndex = state.log.last.index;
    const index = state.log.append(raftTerm);
    assert(index === lastIndex + 1, "R2: a leader only appends to its log");
    state.uncommittedSizes.push(bytes.length);
    state.uncommittedBytes += bytes.length;
    entries.push({ index, raftTerm, type: "proposal", bytes });
    effects.push({ kind: "proposed", proposal, index });
  }
  const last = entries.at(-1);
  if (last !== undefined) {
    const thenStep = [{ kind: "entries-persisted", index: last.index, truncations: 0 }] as const;
    effects.push({ kind: "persist", hardState: undefined, entries, thenStep, thenSend: [] });
  }
  return effects;
}

function refusalOf(
  state: RaftState,
  bytes: Uint8Array,
  expectedRaftTerm: number | undefined,
): ProposalRefusal | undefined {
  // Until it is announced the leader's state machine lags behind what earlier leaders committed.
  if (state.role !== "leader" || !state.isAnnounced) return "not-leader";
  const isTermChanged = expectedRaftTerm !== undefined && expectedRaftTerm !== state.raftTerm;
  if (isTermChanged) return "raft-term-changed";
  const { uncommittedBytesMax, uncommittedEntriesMax } = state.config;
  if (state.uncommittedSizes.length >= uncommittedEntriesMax) return "overloaded";
  // One entry is always let in, or one above the bound could never be proposed.
  const isFirst = state.uncommittedBytes === 0;
  const isTooMuch = state.uncommittedBytes + bytes.length > uncommittedBytesMax;
  return isTooMuch && !isFirst ? "overloaded" : undefined;
}
