// SPDX-License-Identifier: Apache-2.0
/**
 * The state of one member of a group, in the paper's words (Raft figure 2), and what holds of it.
 *
 * `step` changes it in place, since to copy it on each event would cost more than the event. Nobody
 * else writes to it.
 */

import { assert, type Prng } from "@conclave/base";
import type { ReplicaId } from "../ids.ts";
import type { Configuration } from "../log/configuration.ts";
import type { HardState } from "../log/entry.ts";
import { LogTerms } from "../log/log-terms.ts";
import type { Voters } from "../quorum/joint.ts";

export interface CoreConfig {
  readonly replica: ReplicaId;
  /** An election timeout is drawn from this range of ticks, both ends included (section 5.2). */
  readonly electionTicks: { readonly min: number; readonly max: number };
  /** Ticks between two heartbeats of a leader. */
  readonly heartbeatTicks: number;
  /** Proposals above these bounds are refused, so that a slow disk cannot fill the memory. */
  readonly uncommittedBytesMax: number;
  readonly uncommittedEntriesMax: number;
}

/** Reads that wait for a new leader's first commit; more are refused. */
export const WAITING_READS_MAX = 16_384;

export interface RaftState {
  readonly config: CoreConfig;
  readonly prng: Prng;
  readonly voters: Voters;
  raftTerm: number;
  votedFor: ReplicaId | undefined;
  role: "follower" | "candidate" | "leader";
  readonly log: LogTerms;
  /** Of each voter: the last entry known to be durable there. A leader counts itself by its own sync. */
  readonly matchIndex: Map<ReplicaId, number>;
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
  /** The newest snapshot, with which the log begins. */
  readonly snapshot: SnapshotInfo;
  /** The entries behind the snapshot. */
  readonly entries: Iterable<RecoveredEntry>;
}

export interface RecoveredEntry {
  readonly raftTerm: number;
  readonly size: number;
  /** Of an entry of this type. */
  readonly configuration?: Configuration | undefined;
}

export interface SnapshotInfo {
  /** 0 where there is none. */
  readonly index: number;
  readonly raftTerm: number;
  /** The size of its file. */
  readonly bytes: number;
  /** The one in use at `index`; of a new group the one of its first start. */
  readonly configuration: Configuration;
}

export function createState(config: CoreConfig, prng: Prng, recovered: Recovered): RaftState {
  const { min, max } = config.electionTicks;
  assert(min > 0 && max >= min, "an election timeout has a range");
  const base = recovered.snapshot;
  const log = new LogTerms(base);
  const uncommittedSizes: number[] = [];
  for (const { raftTerm } of recovered.entries) {
    log.append(raftTerm);
    uncommittedSizes.push(0);
  }
  const state: RaftState = {
    config,
    prng,
    voters: recovered.snapshot.configuration,
    raftTerm: recovered.hardState.raftTerm,
    votedFor: recovered.hardState.votedFor,
    role: "follower",
    log,
    matchIndex: new Map([[config.replica, log.last.index]]),
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
  const ownMatch = state.matchIndex.get(config.replica) ?? 0;
  assert(ownMatch <= log.last.index, "R7: what is durable is in the log");
  const uncommitted = log.last.index - commitIndex;
  assert(state.uncommittedSizes.length === uncommitted, "R10: every uncommitted entry is counted");
  const isLeader = state.role === "leader";
  assert(!isLeader || state.votedFor === config.replica, "R1: a leader has its own vote");
  assert(isLeader || !state.isAnnounced, "R1: only a leader is announced as one");
}
