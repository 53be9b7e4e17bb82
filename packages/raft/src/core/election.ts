// SPDX-License-Identifier: Apache-2.0
/**
 * Elections (Raft section 5.2). PreVote, requests for votes and the answers to them grow here.
 */

import { assert } from "@conclave/base";
import type { LogEntry } from "../log/entry.ts";
import { jointVote } from "../quorum/joint.ts";
import type { Effect } from "./effect.ts";
import type { RaftState } from "./state.ts";

const NO_BYTES: Uint8Array = new Uint8Array(0);

/** A timeout passed without a leader: a new raftTerm, and the vote in it for oneself. */
export function campaign(state: RaftState): readonly Effect[] {
  // A late timer of a candidate whose vote is still being written starts no further election: on a
  // slow disk each one would only queue another vote behind the first.
  if (state.role !== "follower") return [];
  state.raftTerm += 1;
  state.votedFor = state.config.replica;
  state.role = "candidate";
  const { raftTerm, votedFor } = state;
  return [
    { kind: "role", role: { kind: "follower", raftTerm, leader: undefined } },
    {
      kind: "persist",
      hardState: { raftTerm, votedFor },
      entries: [],
      thenStep: [{ kind: "vote-persisted", raftTerm }],
      thenSend: [],
    },
  ];
}

/** The own vote is durable and counts now (R9); with a majority the candidate leads. */
export function becomeLeader(state: RaftState, raftTerm: number): readonly Effect[] {
  assert(raftTerm === state.raftTerm, "R9: a vote counts in the raftTerm it was given in");
  assert(state.role === "candidate", "R1: only a candidate becomes leader");
  const result = jointVote(state.voters, (voter) =>
    voter === state.config.replica ? true : undefined,
  );
  if (result !== "won") return [];
  state.role = "leader";
  // An entry of its own raftTerm lets the leader commit, and so learn, what came before (5.4.2, 8).
  const index = state.log.append(raftTerm);
  state.termStartIndex = index;
  state.uncommittedSizes.push(0);
  const noop: LogEntry = { index, raftTerm, type: "noop", bytes: NO_BYTES };
  const thenStep = [{ kind: "entries-persisted", index, truncations: 0 }] as const;
  return [{ kind: "persist", hardState: undefined, entries: [noop], thenStep, thenSend: [] }];
}
