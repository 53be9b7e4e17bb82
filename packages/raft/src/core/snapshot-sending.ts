// SPDX-License-Identifier: Apache-2.0
/**
 * The leader's side of InstallSnapshot (Raft section 7): the newest snapshot in chunks, a few of them
 * on their way at a time, to a member that lacks entries which are gone from the log.
 */

import { assert } from "@conclave/base";
import type { ReplicaId } from "../ids.ts";
import { type Output, send } from "./output.ts";
import type { Progress, SnapshotFlow } from "./progress.ts";
import type { RaftState } from "./state.ts";

/** From now on the member is sent the newest snapshot, from its first byte. */
export function beginSnapshot(state: RaftState, progress: Progress): SnapshotFlow {
  const { snapshot, log } = state;
  assert(snapshot.index >= log.base.index, "R6: what is gone from the log is in a snapshot");
  assert(snapshot.index > progress.matchIndex, "R6: a snapshot is sent to who lacks it");
  const flow: SnapshotFlow = { kind: "snapshot", snapshot, sentOffset: 0, acknowledgedOffset: 0 };
  progress.flow = flow;
  progress.nextIndex = snapshot.index + 1;
  progress.stalledTicks = 0;
  return flow;
}

/** Sends chunks until the window is full or the snapshot at its end. */
export function sendChunks(state: RaftState, out: Output, to: ReplicaId, flow: SnapshotFlow): void {
  const { snapshotChunkBytes, snapshotInflightBytes } = state.config.flow;
  const { index: snapshotIndex, raftTerm: snapshotRaftTerm, configuration } = flow.snapshot;
  const totalBytes = flow.snapshot.bytes;
  const end = Math.min(totalBytes, flow.acknowledgedOffset + snapshotInflightBytes);
  while (flow.sentOffset < end) {
    const offset = flow.sentOffset;
    const length = Math.min(snapshotChunkBytes, totalBytes - offset);
    flow.sentOffset = offset + length;
    send(out, to, {
      kind: "install-snapshot",
      raftTerm: state.raftTerm,
      snapshotIndex,
      snapshotRaftTerm,
      configuration,
      totalBytes,
      offset,
      length,
    });
  }
}
