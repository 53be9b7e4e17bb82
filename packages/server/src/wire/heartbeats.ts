// SPDX-License-Identifier: Apache-2.0
/**
 * The heartbeats of all groups to one node, and its answers, as columns: hundreds of groups cost one
 * message of a few bytes each.
 */

import type {
  HeartbeatResponses as HeartbeatResponsesMessage,
  Heartbeats as HeartbeatsMessage,
} from "@conclave/api/peer";
import type { GroupMessage, RaftMessage } from "@conclave/raft";
import { countOf, type Malformed, malformed } from "./malformed.ts";

export type Heartbeat = Extract<RaftMessage, { readonly kind: "heartbeat" }>;
export type HeartbeatResponse = Extract<RaftMessage, { readonly kind: "heartbeat-response" }>;

/**
 * Two heartbeats of one group that leave together, as one that says what both do. A mere notice of
 * the commit has round 0 and must not swallow a round that somebody waits for.
 */
export function mergeHeartbeats(earlier: Heartbeat, later: Heartbeat): Heartbeat {
  if (earlier.raftTerm !== later.raftTerm) {
    return earlier.raftTerm > later.raftTerm ? earlier : later;
  }
  return {
    kind: "heartbeat",
    raftTerm: later.raftTerm,
    leaderCommit: Math.max(earlier.leaderCommit, later.leaderCommit),
    round: Math.max(earlier.round, later.round),
  };
}

/** The same of two answers: rounds are begun in order, so the later one confirms the earlier too. */
export function mergeHeartbeatResponses(
  earlier: HeartbeatResponse,
  later: HeartbeatResponse,
): HeartbeatResponse {
  if (earlier.raftTerm !== later.raftTerm) {
    return earlier.raftTerm > later.raftTerm ? earlier : later;
  }
  return earlier.round > later.round ? earlier : later;
}

export function heartbeatsMessageOf(byGroup: ReadonlyMap<number, Heartbeat>): HeartbeatsMessage {
  const message: HeartbeatsMessage = {
    $typeName: "conclave.peer.v1.Heartbeats",
    groups: [],
    raftTerms: [],
    leaderCommits: [],
    rounds: [],
  };
  for (const [group, { raftTerm, leaderCommit, round }] of byGroup) {
    message.groups.push(group);
    message.raftTerms.push(BigInt(raftTerm));
    message.leaderCommits.push(BigInt(leaderCommit));
    message.rounds.push(BigInt(round));
  }
  return message;
}

export function heartbeatResponsesMessageOf(
  byGroup: ReadonlyMap<number, HeartbeatResponse>,
): HeartbeatResponsesMessage {
  const message: HeartbeatResponsesMessage = {
    $typeName: "conclave.peer.v1.HeartbeatResponses",
    groups: [],
    raftTerms: [],
    rounds: [],
  };
  for (const [group, { raftTerm, round }] of byGroup) {
    message.groups.push(group);
    message.raftTerms.push(BigInt(raftTerm));
    message.rounds.push(BigInt(round));
  }
  return message;
}

/** Appends the rows to `into`; on a malformed one what has been appended is worth nothing. */
export function readHeartbeats(
  message: HeartbeatsMessage,
  into: GroupMessage[],
): Malformed | undefined {
  const { groups, raftTerms, leaderCommits, rounds } = message;
  const rows = groups.length;
  if (raftTerms.length !== rows || leaderCommits.length !== rows || rounds.length !== rows) {
    return malformed("heartbeats", "columns of one length");
  }
  for (let i = 0; i < rows; i++) {
    const group = groups[i]!;
    const raftTerm = countOf(raftTerms[i]!);
    const leaderCommit = countOf(leaderCommits[i]!);
    const round = countOf(rounds[i]!);
    if (group === 0 || raftTerm < 0 || leaderCommit < 0 || round < 0) {
      return malformed("heartbeats", "groups from 1, numbers below 2^53");
    }
    into.push({ group, message: { kind: "heartbeat", raftTerm, leaderCommit, round } });
  }
  return undefined;
}

/** As `readHeartbeats`. */
export function readHeartbeatResponses(
  message: HeartbeatResponsesMessage,
  into: GroupMessage[],
): Malformed | undefined {
  const { groups, raftTerms, rounds } = message;
  const rows = groups.length;
  if (raftTerms.length !== rows || rounds.length !== rows) {
    return malformed("heartbeat_responses", "columns of one length");
  }
  for (let i = 0; i < rows; i++) {
    const group = groups[i]!;
    const raftTerm = countOf(raftTerms[i]!);
    const round = countOf(rounds[i]!);
    if (group === 0 || raftTerm < 0 || round < 0) {
      return malformed("heartbeat_responses", "groups from 1, numbers below 2^53");
    }
    into.push({ group, message: { kind: "heartbeat-response", raftTerm, round } });
  }
  return undefined;
}
