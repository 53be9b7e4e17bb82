// SPDX-License-Identifier: Apache-2.0
/**
 * ReadIndex (Raft section 8, thesis 6.4): which index a linearizable read must wait for.
 *
 * All reads of one event share a round. A heartbeat bears the number of the newest round, so that
 * one answer counts for all rounds before it and a lost one costs a heartbeat at most.
 */

import { assert } from "@conclave/base";
import { jointIndex } from "../quorum/joint.ts";
import { WAITING_READS_MAX } from "./config.ts";
import type { Output } from "./output.ts";
import { sendRound } from "./sending.ts";
import type { Leadership, RaftState } from "./state.ts";

export function confirm(state: RaftState, out: Output, reads: readonly number[]): void {
  const { role } = state;
  if (role.kind !== "leader") {
    refuse(out, reads, "not-leader");
    return;
  }
  const open = role.openRounds.reduce((count, round) => count + round.reads.length, 0);
  const room = Math.max(0, WAITING_READS_MAX - open - role.waitingReads.length);
  refuse(out, reads.slice(room), "overloaded");
  const taken = reads.slice(0, room);
  // Before that it does not know what earlier leaders have committed.
  const hasCommitted = state.commitIndex >= role.termStartIndex;
  if (hasCommitted) beginRound(state, role, out, taken);
  else role.waitingReads.push(...taken);
}

/** The leader knows now which entries are committed: one of its own is. */
export function beginWaitingReads(state: RaftState, leadership: Leadership, out: Output): void {
  const reads = leadership.waitingReads;
  leadership.waitingReads = [];
  beginRound(state, leadership, out, reads);
}

/** Answers the rounds that a majority of the voters, of old and new ones each, has answered. */
export function releaseReads(state: RaftState, leadership: Leadership, out: Output): void {
  const { raftTerm, config, configurations } = state;
  const { openRounds, progress } = leadership;
  const answered = jointIndex(configurations.inUse.configuration, (voter) =>
    voter === config.replica ? leadership.round : (progress.get(voter)?.answeredRound ?? 0),
  );
  for (let round = openRounds[0]; round !== undefined; round = openRounds[0]) {
    if (round.round > answered) return;
    openRounds.shift();
    for (const read of round.reads) {
      out.effects.push({ kind: "confirmed", read, index: round.index, raftTerm });
    }
  }
}

function beginRound(
  state: RaftState,
  leadership: Leadership,
  out: Output,
  reads: readonly number[],
): void {
  if (reads.length === 0) return;
  const { commitIndex: index, raftTerm, log } = state;
  assert(log.raftTermAt(index) === raftTerm, "R8: a read waits for an own entry's commit");
  leadership.round += 1;
  leadership.openRounds.push({ round: leadership.round, index, reads });
  sendRound(state, leadership, out);
  releaseReads(state, leadership, out);
}

function refuse(out: Output, reads: readonly number[], reason: "not-leader" | "overloaded"): void {
  for (const read of reads) out.effects.push({ kind: "not-confirmed", read, reason });
}
