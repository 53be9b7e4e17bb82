// SPDX-License-Identifier: Apache-2.0
/**
 * Every bound of the state machine, by name. Reaching one is a refusal, never an accident.
 *
 * All replicas of a partition must run with the same limits: they decide what a command does.
 * Only tests pass others than the default.
 */

export interface Limits {
  /** Bytes of UTF-8 in a namespace, a name or a candidate; the least is 1. */
  readonly nameBytesMax: number;
  readonly candidatesPerElectionMax: number;
  /** Keys and values of one candidate's metadata together, in bytes of UTF-8. */
  readonly metadataBytesMax: number;
  readonly metadataBytesPerElectionMax: number;
  readonly electionsMax: number;
  /** From this many elections on, a vacant one is folded away before a new one is created. */
  readonly electionsFoldAt: number;
  readonly sessionsMax: number;
  readonly labelsMax: number;
  /** Bytes of UTF-8 in a key or a value of a label. */
  readonly labelBytesMax: number;
  readonly ttlMsMin: number;
  readonly ttlMsMax: number;
  readonly unacknowledgedPerSessionMax: number;
  readonly reasonBytesMax: number;
  readonly requestIdBytesMax: number;
  /** Replies kept by request id; the oldest goes first. */
  readonly requestRepliesMax: number;
  /** Names deleted after they were led, whose last term is remembered one by one. */
  readonly tombstonesMax: number;
  /** Ids of ended sessions that are remembered, so that they never come back. */
  readonly endedSessionsMax: number;
  readonly streamsPerSessionMax: number;
  readonly unacknowledgedPerStreamMax: number;
  /** Members of the cluster, those that have not reported in yet included. */
  readonly membersMax: number;
  /** Bytes of UTF-8 in a member's address; the least is 1. */
  readonly addressBytesMax: number;
  /** By how much a restore (S4) may raise a term. */
  readonly restoredTermLead: bigint;
}

/** The limits of design.md section 2 and semantics A1, A3, A4; a partition runs with these. */
export const defaultLimits: Limits = {
  nameBytesMax: 256,
  candidatesPerElectionMax: 1_024,
  metadataBytesMax: 4_096,
  metadataBytesPerElectionMax: 262_144,
  electionsMax: 1_000_000,
  electionsFoldAt: 900_000,
  sessionsMax: 1_000_000,
  labelsMax: 16,
  labelBytesMax: 256,
  ttlMsMin: 500,
  ttlMsMax: 86_400_000,
  unacknowledgedPerSessionMax: 1_024,
  reasonBytesMax: 256,
  requestIdBytesMax: 128,
  requestRepliesMax: 100_000,
  tombstonesMax: 100_000,
  endedSessionsMax: 100_000,
  streamsPerSessionMax: 1_024,
  unacknowledgedPerStreamMax: 1_024,
  membersMax: 64,
  addressBytesMax: 256,
  restoredTermLead: 1n << 32n,
};
