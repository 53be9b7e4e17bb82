// SPDX-License-Identifier: Apache-2.0
/**
 * The only place where a term rises, a revision is counted and watchers learn of a change.
 *
 * Whoever has changed the list of an election calls `settle` once, with the leader from before.
 */

import { assert } from "@conclave/base";
import type { Cause, Change, Moved, Placed, Updated } from "./change.ts";
import { termViewOf } from "./election.ts";
import { emitEvent } from "./event-stream.ts";
import { noteIdleness } from "./idleness.ts";
import type { Election } from "./records.ts";
import type { Turn } from "./turn.ts";
import type { CandidateView } from "./view.ts";

export interface Difference {
  readonly cause: Cause;
  readonly reason?: string;
  readonly joined?: readonly Placed[];
  readonly left?: readonly Placed[];
  readonly moved?: readonly Moved[];
  readonly updated?: readonly Updated[];
  /**
   * A restored term: somebody has led under it, and whoever leads counts as having taken office anew.
   * Of no effect where it is not above the present one.
   */
  readonly restoredTerm?: bigint;
}

const NONE: readonly never[] = [];

/**
 * Draws the consequences of one change: the term rises by one exactly when a candidate takes office.
 *
 * @param leaderBefore the leader before the list was changed.
 */
export function settle(
  turn: Turn,
  election: Election,
  leaderBefore: CandidateView | undefined,
  difference: Difference,
): void {
  const { state } = turn;
  const leader = election.queue[0];
  const takesOffice = leader !== undefined && !isSameHolder(leaderBefore, leader.view);
  const isTermRestored =
    difference.restoredTerm !== undefined && difference.restoredTerm > election.term;
  const { term: termBefore, sinceMs: sinceMsBefore } = election;
  state.revision += 1n;
  if (isTermRestored) election.term = difference.restoredTerm!;
  if (takesOffice) election.term += 1n;
  if (takesOffice || isTermRestored) {
    election.isLed = true;
    if (leader !== undefined) election.sinceMs = state.timeMs;
  }
  assert(election.term >= termBefore, "E3: a term never falls");
  const risen = election.term - (isTermRestored ? difference.restoredTerm! : termBefore);
  assert(
    risen === (takesOffice ? 1n : 0n),
    "E3: a term rises by one with a new holder, else never",
  );
  assert(leader === undefined || election.term > 0n, "E4: a leader has a term");
  const isOfficeChanged = takesOffice || leader === undefined || isTermRestored;
  if (isOfficeChanged) {
    if (leaderBefore !== undefined) {
      const deposed = state.sessions.get(leaderBefore.sessionId);
      if (deposed !== undefined) deposed.officeRevision = state.revision;
    }
    if (leader !== undefined) leader.session.officeRevision = state.revision;
  }
  record(turn, election, { termBefore, sinceMsBefore, leaderBefore }, difference);
  noteIdleness(state, election);
}

/** One fencing number belongs to one name under one session: a re-bind is another holder. */
function isSameHolder(before: CandidateView | undefined, now: CandidateView): boolean {
  return before !== undefined && before.name === now.name && before.sessionId === now.sessionId;
}

function record(
  turn: Turn,
  election: Election,
  before: Pick<Change, "termBefore" | "sinceMsBefore" | "leaderBefore">,
  difference: Difference,
): void {
  const { state } = turn;
  const leader = election.queue[0]?.view;
  assert(election.revision < state.revision, "E5: revisions of an election rise");
  const change: Change = {
    revision: state.revision,
    previousRevision: election.revision,
    key: election.key,
    term: election.term,
    termBefore: before.termBefore,
    sinceMsBefore: before.sinceMsBefore,
    leaderBefore: before.leaderBefore,
    leader,
    cause: difference.cause,
    reason: difference.reason ?? "",
    timeMs: state.timeMs,
    joined: difference.joined ?? NONE,
    left: difference.left ?? NONE,
    moved: difference.moved ?? NONE,
    updated: difference.updated ?? NONE,
  };
  turn.changes.push(change);
  election.revision = state.revision;
  election.changedMs = state.timeMs;
  election.termView = undefined;
  // S0 knows no metadata, so it sees no event where nothing else has changed.
  if (difference.cause === "metadata") return;
  if (election.streams.length === 0) return;
  // Over a copy: a stream that overflows takes itself out.
  for (const stream of [...election.streams]) emitEvent(turn, stream, termViewOf(election));
}
