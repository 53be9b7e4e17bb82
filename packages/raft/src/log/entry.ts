// SPDX-License-Identifier: Apache-2.0
/** What Raft keeps on disk, in the paper's words. */

import type { ReplicaId } from "../ids.ts";

/** Raft's persistent state besides the log (Raft figure 2: currentTerm and votedFor). */
export interface HardState {
  readonly raftTerm: number;
  readonly votedFor: ReplicaId | undefined;
}

export interface LogEntry {
  readonly index: number;
  readonly raftTerm: number;
  /**
   * A no-op is the entry by which a new leader commits what came before it (section 8); the bytes of
   * a configuration are those of `encodeConfiguration`.
   */
  readonly type: "proposal" | "noop" | "configuration";
  readonly bytes: Uint8Array;
}
