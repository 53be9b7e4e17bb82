// SPDX-License-Identifier: Apache-2.0
/**
 * Which elections may be folded away for room: those that are vacant and that no session of S0 or S1
 * is bound to, the one that has been so for longest first.
 *
 * For elections that nobody binds this is the order of their revisions (semantics A1).
 */

import type { PartitionState } from "./partition.ts";
import type { Election } from "./records.ts";

export function isIdle(election: Election): boolean {
  return election.queue.length === 0 && (election.boundBy?.size ?? 0) === 0;
}

/** To be called whenever a list or a binding has changed. */
export function noteIdleness(state: PartitionState, election: Election): void {
  if (!isIdle(election)) {
    if (election.idleIndex !== 0n) {
      election.idleIndex = 0n;
      state.idle.delete(election);
    }
    return;
  }
  // Taken out first: what has just changed goes to the end, as its revision does.
  state.idle.delete(election);
  election.idleIndex = state.index;
  state.idle.add(election);
}
