// SPDX-License-Identifier: Apache-2.0
/**
 * Takes changes of one election back: what it was at an earlier revision, from what it is now.
 *
 * A replica keeps differences only, and whoever resumes a watch after a bare revision has nothing to
 * apply them to. It is the exact inverse of what `Change` says of its fields.
 */

import { assert } from "@conclave/base";
import type { Change, Placed } from "./change.ts";
import type { CandidateView, ElectionView, PastView } from "./view.ts";

/**
 * The election as it stood at `asOfRevision`, just before the first of the later changes.
 *
 * A waiting candidacy that went to another session without a change (semantics A1) is shown under
 * the session that has it now. Costs the number of the changes, and a shift of the list for each.
 *
 * @param later every change of the election after `asOfRevision` and up to `now`, oldest first.
 */
export function undoChanges(
  now: ElectionView,
  later: readonly Change[],
  asOfRevision: bigint,
): PastView {
  const { key } = now;
  const list = now.leader === undefined ? [...now.queue] : [now.leader, ...now.queue];
  for (let i = later.length - 1; i >= 0; i--) undoChange(list, later[i]!);
  const [leader, ...queue] = list;
  const first = later[0];
  const isLeaderBefore = first === undefined || leader?.name === first.leaderBefore?.name;
  assert(isLeaderBefore, "E17: a change that is taken back gives the office to who had it");
  const { revision, term, sinceMs } = first === undefined ? now : stateBefore(first);
  return {
    key,
    revision,
    term,
    ...(leader === undefined ? {} : { leader }),
    queue,
    ...(sinceMs === undefined ? {} : { sinceMs }),
    asOfRevision,
  };
}

function stateBefore(change: Change): Pick<PastView, "revision" | "term"> & { sinceMs?: number } {
  const { previousRevision: revision, termBefore: term, sinceMsBefore: sinceMs } = change;
  return { revision, term, ...(sinceMs === undefined ? {} : { sinceMs }) };
}

/** Those that joined or moved go out, last place first; those that left or moved come back, first place first. */
function undoChange(list: CandidateView[], { joined, left, moved, updated }: Change): void {
  const placed = [...joined, ...moved].sort((one, other) => other.position - one.position);
  for (const { candidate, position } of placed) {
    const [taken] = list.splice(position, 1);
    assert(taken?.name === candidate.name, "E17: a change names the place where it has put one");
  }
  for (const { before } of updated) {
    const position = list.findIndex(({ name }) => name === before.name);
    assert(position >= 0, "E17: one that kept its place is in the list");
    list[position] = before;
  }
  const returning: Placed[] = [...left];
  for (const { candidate, from } of moved) returning.push({ candidate, position: from });
  returning.sort((one, other) => one.position - other.position);
  for (const { candidate, position } of returning) list.splice(position, 0, candidate);
}
