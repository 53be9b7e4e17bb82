// SPDX-License-Identifier: Apache-2.0
/** What a durable snapshot lets the log forget (Raft section 7), and what is kept all the same. */

import { assert } from "@conclave/base";
import type { RaftEvent } from "./event.ts";
import type { Output } from "./output.ts";
import type { RaftState } from "./state.ts";

/**
 * Keeps a bounded tail of entries behind the log's new beginning: to a follower that lags a little
 * they are cheaper to send than the whole state.
 */
export function snapshotted(
  state: RaftState,
  out: Output,
  { index, bytes, mayKeepTail = true }: Extract<RaftEvent, { readonly kind: "snapshotted" }>,
): void {
  const { log, configurations, config } = state;
  assert(index <= state.lastApplied, "R6: a snapshot holds what has been applied");
  assert(index >= state.snapshot.index, "R6: a snapshot does not go back");
  const configuration = configurations.at(index);
  state.snapshot = { index, raftTerm: log.raftTermAt(index), bytes, configuration };
  const to = mayKeepTail ? log.tailStart(index, config.flow.tail) : index;
  if (to <= log.base.index) return;
  log.compactTo(to);
  configurations.compactTo(to);
  out.effects.push({ kind: "compact", to });
}
