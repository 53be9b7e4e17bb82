// SPDX-License-Identifier: Apache-2.0
/** The only way in which a leader's log changes: one more entry of its own raftTerm at the end. */

import { assert } from "@conclave/base";
import type { LogEntry } from "../log/entry.ts";
import type { Output } from "./output.ts";
import type { RaftState } from "./state.ts";

/** Returns the new entry's index. It counts for nothing before its sync. */
export function appendAsLeader(
  state: RaftState,
  out: Output,
  type: LogEntry["type"],
  bytes: Uint8Array,
): number {
  const { raftTerm, log, role } = state;
  assert(
    role.kind === "leader",
    "R2: a leader only appends to its log, and nobody else adds to it",
  );
  const lastIndex = log.last.index;
  const index = log.append(raftTerm, bytes.length);
  assert(index === lastIndex + 1, "R2: a leader only appends to its log");
  out.entries.push({ index, raftTerm, type, bytes });
  return index;
}
