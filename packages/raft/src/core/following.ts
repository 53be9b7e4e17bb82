// SPDX-License-Identifier: Apache-2.0
/**
 * What a follower does with its leader's entries and heartbeats (Raft section 5.3).
 *
 * It acknowledges only what is durable, and only up to where its log is known to equal the leader's.
 */

import { assert } from "@conclave/base";
import type { ReplicaId } from "../ids.ts";
import { decodeConfiguration } from "../log/configuration.ts";
import type { LogEntry } from "../log/entry.ts";
import { commitTo } from "./commit.ts";
import type { MessageOf } from "./message.ts";
import { type Output, send } from "./output.ts";
import { isInstalling, type RaftState } from "./state.ts";

export function receiveAppendEntries(
  state: RaftState,
  out: Output,
  from: ReplicaId,
  message: MessageOf<"append-entries">,
): void {
  // The log is about to begin anew behind the snapshot; the leader asks again.
  if (isInstalling(state)) return;
  const { prevLogIndex, prevLogRaftTerm, entries, leaderCommit } = message;
  const { raftTerm, log } = state;
  if (prevLogIndex < log.base.index) {
    // An old message: what a snapshot holds is committed, and equals the leader's.
    accept(state, out, from, prevLogIndex);
    return;
  }
  if (!log.matches(prevLogIndex, prevLogRaftTerm)) {
    const conflict = log.lastNotAfter(prevLogIndex, prevLogRaftTerm);
    const isOpen = conflict !== undefined && prevLogIndex > state.commitIndex;
    assert(isOpen, "R11: what is committed here equals the leader's log");
    send(out, from, {
      kind: "append-entries-rejected",
      raftTerm,
      rejectedIndex: prevLogIndex,
      conflictIndex: conflict.index,
      conflictRaftTerm: conflict.raftTerm,
      lastLogIndex: log.last.index,
    });
    return;
  }
  const isLonger = appendMissing(state, out, entries);
  const verified = prevLogIndex + entries.length;
  commitTo(state, Math.min(leaderCommit, verified));
  if (!isLonger) {
    accept(state, out, from, verified);
    return;
  }
  const answer = { kind: "append-entries-accepted", raftTerm, matchIndex: verified } as const;
  out.thenSend.push({ to: from, message: answer });
}

export function receiveHeartbeat(
  state: RaftState,
  out: Output,
  from: ReplicaId,
  { leaderCommit, round }: MessageOf<"heartbeat">,
): void {
  commitTo(state, leaderCommit);
  if (round === 0) return;
  send(out, from, { kind: "heartbeat-response", raftTerm: state.raftTerm, round });
}

/** Acknowledges at once what is durable of it; for the rest a sync is under way, with its own answer. */
function accept(state: RaftState, out: Output, to: ReplicaId, verified: number): void {
  const { raftTerm, commitIndex, durableIndex } = state;
  // What is committed equals every later leader's log, however old the message is.
  const matchIndex = Math.min(Math.max(verified, commitIndex), durableIndex);
  send(out, to, { kind: "append-entries-accepted", raftTerm, matchIndex });
}

/**
 * Adds the entries that are not there yet, after taking away what conflicts with them. Entries that
 * are there already are left alone, and so is what follows them: a message that was overtaken by a
 * later one says nothing of the end of the log.
 */
function appendMissing(state: RaftState, out: Output, entries: readonly LogEntry[]): boolean {
  const { log } = state;
  const first = entries.findIndex(({ index, raftTerm }) => !log.matches(index, raftTerm));
  if (first < 0) return false;
  const missing = entries.slice(first);
  const from = missing[0]!.index;
  if (from <= log.last.index) truncate(state, out, from);
  for (const entry of missing) {
    assert(entry.raftTerm <= state.raftTerm, "R3: no entry is of a later raftTerm than its leader");
    const index = log.append(entry.raftTerm, entry.bytes.length);
    assert(index === entry.index, "R11: entries follow one another");
    if (entry.type === "configuration") useConfiguration(state, entry);
    out.entries.push(entry);
  }
  return true;
}

function truncate(state: RaftState, out: Output, from: number): void {
  assert(from > state.commitIndex, "R11: a committed entry is never taken away");
  state.log.truncateFrom(from);
  state.configurations.truncateFrom(from);
  state.truncations += 1;
  state.durableIndex = Math.min(state.durableIndex, from - 1);
  out.effects.push({ kind: "truncated", from });
}

/** In use from now on, committed or not (section 6). */
function useConfiguration(state: RaftState, { index, bytes }: LogEntry): void {
  const configuration = decodeConfiguration(bytes);
  assert(configuration !== undefined, "R15: a configuration can be read by every member");
  state.configurations.append(index, configuration);
}
