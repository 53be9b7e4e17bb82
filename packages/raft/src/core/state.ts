// SPDX-License-Identifier: Apache-2.0
/**
 * The state of one member of a group, in the paper's words (Raft figure 2), and what holds of it.
 *
 * `step` changes it in place, since to copy it on each event would cost more than the event. Nobody
 * else writes to it.
 */

import { assert, type Prng } from "@conclave/base";
import type { ReplicaId } from "../ids.ts";
import { type Configuration, membersOf } from "../log/configuration.ts";
import { Configurations } from "../log/configurations.ts";
import type { HardState } from "../log/entry.ts";
import { LogTerms } from "../log/log-terms.ts";
import type { SnapshotInfo } from "../log/snapshot-info.ts";
import type { CoreConfig } from "./config.ts";
import type { MemberRole } from "./effect.ts";
import type { Progress } from "./progress.ts";

export interface RaftState {
  readonly config: CoreConfig;
  readonly prng: Prng;
  raftTerm: number;
  votedFor: ReplicaId | undefined;
  role: Follower | Candidate | Leadership;
  readonly log: LogTerms;
  configurations: Configurations;
  commitIndex: number;
  /** Up to here the host has been told to apply. */
  applyTo: number;
  lastApplied: number;
  /** The last entry that the own disk is known to hold. */
  durableIndex: number;
  /** How often entries have been taken away from the log's end. */
  truncations: number;
  /** The newest durable one. The log may begin before it. */
  snapshot: SnapshotInfo;
  incoming: IncomingSnapshot | undefined;
  /** Ticks since a leader was heard, a vote given or an election begun. */
  electionElapsed: number;
  electionTimeout: number;
  /** What the host was told last. */
  told: Told;
}

interface Follower {
  readonly kind: "follower";
  readonly leader: ReplicaId | undefined;
}

export interface Candidate {
  /** A pre-candidate asks what it would get, and has not raised its raftTerm (thesis 9.6). */
  readonly kind: "pre-candidate" | "candidate";
  readonly votes: Map<ReplicaId, boolean>;
}

export interface Leadership {
  readonly kind: "leader";
  /** The index of the leader's own no-op. */
  readonly termStartIndex: number;
  /** The leadership has been told of: its no-op is applied. */
  isAnnounced: boolean;
  /** Of every other member. */
  readonly progress: Map<ReplicaId, Progress>;
  heartbeatElapsed: number;
  /** The number of the newest round; 1 before any read. */
  round: number;
  /** Reads that came before an entry of this raftTerm had committed. */
  waitingReads: number[];
  readonly openRounds: OpenRound[];
  transfer: Transfer | undefined;
}

/** Reads that are answered when both majorities have answered this round or a later one. */
interface OpenRound {
  readonly round: number;
  /** The commitIndex when it began. */
  readonly index: number;
  readonly reads: readonly number[];
}

interface Transfer {
  readonly to: ReplicaId;
  elapsedTicks: number;
}

/** A snapshot that a leader is sending. */
export interface IncomingSnapshot {
  readonly from: ReplicaId;
  readonly raftTerm: number;
  readonly snapshot: SnapshotInfo;
  nextOffset: number;
}

interface Told {
  readonly role: MemberRole;
  readonly configurationIndex: number;
  readonly isConfigurationCommitted: boolean;
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
  /** Its bytes. */
  readonly size: number;
  /** Of an entry of this type. */
  readonly configuration?: Configuration | undefined;
}

export function createState(config: CoreConfig, prng: Prng, recovered: Recovered): RaftState {
  const { min, max } = config.electionTicks;
  assert(min > config.heartbeatTicks && max >= min, "an election takes longer than a heartbeat");
  const { snapshot, hardState } = recovered;
  const log = new LogTerms(snapshot);
  const configurations = new Configurations(snapshot);
  for (const { raftTerm, size, configuration } of recovered.entries) {
    const index = log.append(raftTerm, size);
    if (configuration !== undefined) configurations.append(index, configuration);
  }
  const { raftTerm, votedFor } = hardState;
  const state: RaftState = {
    config,
    prng,
    raftTerm,
    votedFor,
    role: { kind: "follower", leader: undefined },
    log,
    configurations,
    // Both are volatile: what was committed is found out again by the next leader (section 5.4.2).
    commitIndex: snapshot.index,
    applyTo: snapshot.index,
    lastApplied: snapshot.index,
    durableIndex: log.last.index,
    truncations: 0,
    snapshot,
    incoming: undefined,
    electionElapsed: 0,
    electionTimeout: drawElectionTimeout(config, prng),
    told: {
      role: { kind: "follower", raftTerm, leader: undefined },
      configurationIndex: configurations.inUse.index,
      isConfigurationCommitted: configurations.inUse.index <= snapshot.index,
    },
  };
  assertValid(state);
  return state;
}

/**
 * Where there is a choice the lower end is left out: whoever asks at the very tick at which the others
 * cease to protect the leader is ignored by those that are a moment behind, and waits twice.
 */
export function drawElectionTimeout({ electionTicks }: CoreConfig, prng: Prng): number {
  const { min, max } = electionTicks;
  return min === max ? min : min + 1 + prng.below(max - min);
}

/** Called after each step, and by whoever checks a member from outside. */
export function assertValid(state: RaftState): void {
  const { log, commitIndex, lastApplied, applyTo, durableIndex, config, role } = state;
  const { last } = log;
  assert(log.base.index <= state.snapshot.index, "R6: only what a snapshot holds is forgotten");
  assert(state.snapshot.index <= lastApplied, "R6: a snapshot holds what has been applied");
  assert(lastApplied <= applyTo, "R5: only what was given out is applied");
  assert(applyTo <= commitIndex, "R5: only committed entries are applied");
  assert(applyTo <= durableIndex, "R13: only what is durable here is applied");
  assert(commitIndex <= last.index, "R6: committed entries are in the log");
  assert(durableIndex <= last.index, "R7: what is durable is in the log");
  assert(last.raftTerm <= state.raftTerm, "R3: no entry is of a later raftTerm than the member");
  if (role.kind !== "leader") return;
  assert(state.votedFor === config.replica, "R1: a leader has its own vote");
  assert(!role.progress.has(config.replica), "R7: a leader counts itself by its own sync");
  for (const progress of role.progress.values()) {
    assert(progress.matchIndex < progress.nextIndex, "R16: what is sent next is not there yet");
    assert(progress.nextIndex <= last.index + 1, "R16: what is sent is in the log");
  }
}

/** Of the entries that wait for their commit. */
export function uncommittedBytes(state: RaftState): number {
  return state.log.bytesBetween(state.commitIndex, state.log.last.index);
}

/** All bytes of a snapshot have come and it is not yet in use. */
export function isInstalling({ incoming }: RaftState): boolean {
  return incoming !== undefined && incoming.nextOffset >= incoming.snapshot.bytes;
}

/** Every other member that votes, each once. */
export function otherVoters(state: RaftState): readonly ReplicaId[] {
  const { voters, outgoing } = state.configurations.inUse.configuration;
  return [...new Set([...voters, ...outgoing])].filter((one) => one !== state.config.replica);
}

/** Every other member, learners too. */
export function otherMembers(state: RaftState): readonly ReplicaId[] {
  const members = membersOf(state.configurations.inUse.configuration);
  return members.filter((one) => one !== state.config.replica);
}

/** What a member is known to hold durably, as its leader counts it; a leader counts its own sync. */
export function matchIndexOf(state: RaftState, leadership: Leadership, replica: ReplicaId): number {
  if (replica === state.config.replica) return state.durableIndex;
  return leadership.progress.get(replica)?.matchIndex ?? 0;
}
