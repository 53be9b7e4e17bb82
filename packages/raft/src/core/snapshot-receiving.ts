// SPDX-License-Identifier: Apache-2.0
/**
 * The follower's side of InstallSnapshot (Raft section 7): chunks in their order, then the log begins
 * anew behind the snapshot. Nothing changes here before the whole of it is durable.
 */

import { assert } from "@conclave/base";
import type { ReplicaId } from "../ids.ts";
import { Configurations } from "../log/configurations.ts";
import { commitTo } from "./commit.ts";
import type { MessageOf } from "./message.ts";
import { type Output, send } from "./output.ts";
import { type IncomingSnapshot, isInstalling, type RaftState } from "./state.ts";

type Chunk = MessageOf<"install-snapshot">;

export function receiveChunk(state: RaftState, out: Output, from: ReplicaId, chunk: Chunk): void {
  const { snapshotIndex, snapshotRaftTerm, configuration, totalBytes, offset, bytes } = chunk;
  const { log, durableIndex } = state;
  // It is answered when it is installed, whoever asks again meanwhile.
  if (isInstalling(state)) return;
  const isHeld = snapshotIndex <= state.commitIndex || log.matches(snapshotIndex, snapshotRaftTerm);
  if (isHeld) {
    // What was committed is held even if the rest of the log is ahead of its sync; then it is asked again.
    if (snapshotIndex > durableIndex) return;
    commitTo(state, snapshotIndex);
    answer(state, out, from, snapshotIndex, totalBytes, true);
    return;
  }
  const { incoming } = state;
  const isSame = incoming !== undefined && isOf(incoming, from, state.raftTerm, chunk);
  const wanted = isSame ? incoming.nextOffset : 0;
  if (offset !== wanted) {
    answer(state, out, from, snapshotIndex, wanted, false);
    return;
  }
  const nextOffset = offset + bytes.length;
  state.incoming = {
    from,
    raftTerm: state.raftTerm,
    snapshot: {
      index: snapshotIndex,
      raftTerm: snapshotRaftTerm,
      bytes: totalBytes,
      configuration,
    },
    nextOffset,
  };
  out.effects.push({
    kind: "write-snapshot-chunk",
    from,
    snapshotIndex,
    snapshotRaftTerm,
    configuration,
    totalBytes,
    offset,
    bytes,
  });
  if (nextOffset < totalBytes) answer(state, out, from, snapshotIndex, nextOffset, false);
}

/** The host has the snapshot durable and in use: so has the algorithm. */
export function snapshotInstalled(state: RaftState, out: Output, snapshotIndex: number): void {
  const { incoming, log } = state;
  assert(incoming !== undefined && isInstalling(state), "R17: a whole snapshot is installed");
  const { from, snapshot } = incoming;
  assert(snapshot.index === snapshotIndex, "R17: the snapshot that came is installed");
  assert(
    snapshotIndex > state.commitIndex,
    "R17: a snapshot takes nothing back that was committed",
  );
  log.reset(snapshot);
  state.configurations = new Configurations(snapshot);
  state.truncations += 1;
  state.snapshot = snapshot;
  state.commitIndex = snapshotIndex;
  state.durableIndex = snapshotIndex;
  state.applyTo = snapshotIndex;
  state.lastApplied = snapshotIndex;
  state.incoming = undefined;
  answer(state, out, from, snapshotIndex, snapshot.bytes, true);
}

/** Chunks of two leaders, or of two attempts, are never put together. */
function isOf(
  incoming: IncomingSnapshot,
  from: ReplicaId,
  raftTerm: number,
  { snapshotIndex, totalBytes }: Chunk,
): boolean {
  const { snapshot } = incoming;
  const isSameSender = incoming.from === from && incoming.raftTerm === raftTerm;
  return isSameSender && snapshot.index === snapshotIndex && snapshot.bytes === totalBytes;
}

function answer(
  state: RaftState,
  out: Output,
  to: ReplicaId,
  snapshotIndex: number,
  nextOffset: number,
  isInstalled: boolean,
): void {
  const { raftTerm } = state;
  const kind = "install-snapshot-response";
  send(out, to, { kind, raftTerm, snapshotIndex, nextOffset, isInstalled });
}
