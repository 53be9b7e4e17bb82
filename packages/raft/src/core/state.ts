// SPDX-License-Identifier: Apache-2.0
/**
 * The state of one member of a group, in the paper's words (Raft figure 2), and what holds of it.
 *
 * `step` changes it in place, since to copy it on each event would cost more than the event. Nobody
 * else writes to it.
 */

import { assert, type Prng } from "@conclave/base";
import type { NodeId } from "../ids.ts";
import type { HardState } from "../log/entry.ts";
import { LogTerms } from "../log/log-terms.ts";
import type { Voters } from "../quorum/joint.ts";

export interface CoreConfig {
  readonly node: NodeId;
  /** A timeout is drawn from this range, both ends included (section 5.2). */
  readonly electionTimeoutMs: { readonly min: number; readonly max: number };
  /** Proposals above these bounds are refused, so that a slow disk cannot fill the memory. */
  readonly uncommittedBytesMax: number;
  readonly uncommittedEntriesMax: number;
}

/** Reads that wait for a new leader's first commit; more are refused. */
export const WAITING_READS_MAX = 16_384;

export interface RaftState {
  readonly config: CoreConfig;
  readonly prng: Prng;
  /** A group of one for now: membership joins with the other members. */
  readonly voters: Voters;
  raftTerm: number;
  votedFor: NodeId | undefined;
  role: "follower" | "candidate" | "leader";
  readonly log: LogTerms;
  /** Of each voter: the last entry known to be durable there. A leader counts itself by its own sync. */
  readonly matchIndex: Map<NodeId, number>;
  commitIndex: number;
  lastApplied: number;
  /** Bytes of each entry behind commitIndex, oldest first; no-ops count as 0. */
  readonly uncommittedSizes: number[];
  uncommittedBytes: number;
  /** Of a leader: the index of its own no-op. 0 otherwise. */
  termStartIndex: number;
  /** The leadership has been told of: its no-op is applied. */
  isAnnounced: boolean;
  waitingReads: number[];
}

/** What the disk holds of a member when it starts. */
export interface Recovered {
  readonly hardState: HardState;
  readonly snapshotIndex: number;
  readonly snapshotRaftTerm: number;
  /** Of each entry behind the snapshot. */
  readonly raftTerms: Iterable<number>;
}

export function createState(config: CoreConfig, prng: Prng, recovered: Recovered): RaftState {
  const { min, max } = config.electionTimeoutMs;
  assert(min >= 0 && max >= min, "an election timeout has a range");
  const base = { index: recovered.snapshotIndex, raftTerm: recovered.snapshotRaftTerm };
  const log = new LogTerms(base);
  const uncommittedSizes: number[] = [];
  for (const raftTerm of recovered.raftTerms) {
    log.append(raftTerm);
    uncommittedSizes.push(0);
  }
  const state: RaftState = {
    config,
    prng,
    voters: { incoming: [config.node], outgoing: [] },
    raftTerm: recovered.hardState.raftTerm,
    votedFor: recovered.hardState.votedFor,
    role: "follower",
    log,
    matchIndex: new Map([[config.node, log.last.index]]),
    // Both are volatile: what was committed is found out again by the next leader (section 5.4.2).
    commitIndex: base.index,
    lastApplied: base.index,
    uncommittedSizes,
    uncommittedBytes: 0,
    termStartIndex: 0,
    isAnnounced: false,
    waitingReads: [],
  };
  assertValid(state);
  return state;
}

/** Called after each step, and by whoever checks a member from outside. */
export function assertValid(state: RaftState): void {
  const { log, commitIndex, lastApplied, config } = state;
  assert(log.base.index <= lastApplied, "R6: a snapshot holds what has been applied");
  assert(lastApplied <= commitIndex, "R5: only committed entries are applied");
  assert(commitIndex <= log.last.index, "R6: committed entries are in the log");
  assert(
    log.last.raftTerm <= state.raftTerm,
    "R3: no entry is of a later raftTerm than the member",
  );
  const ownMatch = state.matchIndex.get(config.node) ?? 0;
  assert(ownMatch <= log.last.index, "R7: what is durable is in the log");
  const uncommitted = log.last.index - commitIndex;
  assert(state.uncommittedSizes.length === uncommitted, "R10: every uncommitted entry is counted");
  const isLeader = state.role === "leader";
  assert(!isLeader || state.votedFor === config.node, "R1: a leader has its own vote");
  assert(isLeader || !state.isAnnounced, "R1: only a leader is announced as one");
}
