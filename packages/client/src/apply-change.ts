// SPDX-License-Identifier: Apache-2.0
/** Brings a view up to date with the difference that one change made. Pure. */

import type { Change as ChangeMessage } from "@conclave/api";
import type { Candidate, View, ViewChange } from "./view.ts";
import { candidateOf, causeOf, timeOf } from "./wire-values.ts";

/**
 * The view after the change, or nothing when the change does not follow on from the view: then
 * something was missed, and only a new snapshot helps.
 */
export function applyChange(view: View, change: ChangeMessage): ViewChange | undefined {
  const list = view.leader === null ? [...view.queue] : [view.leader, ...view.queue];
  const isNext = change.previousRevision === view.revision;
  const after = isNext ? rearranged(list, change) : undefined;
  if (after === undefined || after[0]?.id !== change.leader?.name) return undefined;
  const tookOffice = change.term !== view.term;
  const leader = after[0] ?? null;
  const next: View = {
    election: view.election,
    revision: change.revision,
    term: change.term,
    leader,
    queue: after.slice(1),
    sinceMs: leader === null ? null : tookOffice ? timeOf(change.time) : view.sinceMs,
  };
  return {
    type: typeOf(view, next, change),
    view: next,
    cause: causeOf(change.cause),
    reason: change.reason,
    timeMs: timeOf(change.time),
  };
}

function typeOf(before: View, after: View, change: ChangeMessage): ViewChange["type"] {
  if (after.leader === null && before.leader !== null) return "vacant";
  if (after.term !== before.term) return "elected";
  const isMoved = change.joined.length + change.left.length + change.moved.length > 0;
  return isMoved ? "queue" : "metadata";
}

/** Those that left go first, then those that came or moved are put where they are afterwards. */
function rearranged(list: readonly Candidate[], change: ChangeMessage): Candidate[] | undefined {
  const updated = new Map(change.updated.map((c) => [c.name, candidateOf(c)]));
  const placed = [...change.joined, ...change.moved].sort((a, b) => a.position - b.position);
  const leaving = new Set([...change.left, ...placed.map((p) => p.candidate?.name ?? "")]);
  const after = list.filter((c) => !leaving.has(c.id)).map((c) => updated.get(c.id) ?? c);
  for (const { candidate, position } of placed) {
    if (candidate === undefined || position > after.length) return undefined;
    after.splice(position, 0, candidateOf(candidate));
  }
  return after;
}
