// SPDX-License-Identifier: Apache-2.0
/**
 * Whether an answer that has yet to find its place cannot find it any more, by what it says itself:
 * revisions and terms only rise, and each change raises the revision by one at least.
 *
 * It must never say so of a state from which there is a way; what it misses, the search finds out.
 */

import { type ModelState, seenAs } from "./election-model.ts";
import { revisionOf, type Step, termOf } from "./plan.ts";
import type { Progress } from "./progress.ts";

export function isHopeless(progress: Progress, state: ModelState): boolean {
  return (
    progress.nextByRevision().some((step) => isOutOfReach(state, step)) ||
    progress.nextByTerm().some((step) => isLedOtherwise(state, step))
  );
}

function isOutOfReach(state: ModelState, step: Step): boolean {
  const revision = revisionOf(step)!;
  if (revision < state.revision) return true;
  const { action } = step;
  if (action.kind !== "seen" || seenAs(state, action.view) !== undefined) return false;
  return state.revision + changesBetween(state, action.view.candidates) > revision;
}

/** At least so many changes lie between the two: they differ. */
function changesBetween({ queue, hasJustLeft }: ModelState, candidates: readonly string[]): bigint {
  const missing = candidates.filter((name) => !queue.some((one) => one.name === name)).length;
  const isAnyToLeave = queue.some(({ name }) => !candidates.includes(name));
  // Those that leave unasked may do so all together, and with the one that has just left.
  const leavings = isAnyToLeave && !hasJustLeft ? 1 : 0;
  const changes = missing + leavings;
  return BigInt(changes > 0 || hasJustLeft ? changes : 1);
}

/** Nobody else can take office without a new term. */
function isLedOtherwise(state: ModelState, step: Step): boolean {
  const term = termOf(step)!;
  if (term !== state.term) return term < state.term;
  const { action, operation } = step;
  const leader = state.queue[0];
  if (action.kind === "led") {
    return leader?.name !== action.candidate || leader.client !== operation.client;
  }
  return (
    action.kind === "seen" &&
    action.view.leader !== undefined &&
    action.view.leader !== leader?.name
  );
}
