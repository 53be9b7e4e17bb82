// SPDX-License-Identifier: Apache-2.0
/**
 * Reads the history of one election's terms from as far back as the server remembers, and goes on
 * with what happens. It never gives up by itself, save for errors that would come again.
 */

import { type Change, type Election, ElectionError } from "@conclave/client";
import { recordChange, type TermHistory } from "./term-history.ts";

export interface HistoryState {
  readonly history: TermHistory;
  /** False until it is known whether there is anything to tell. */
  readonly isLoaded: boolean;
  /** There was something before; servers remember only so much, and a restarted one nothing. */
  readonly isCutOff: boolean;
  /** Why it is not followed any more. */
  readonly failure: string | undefined;
}

export const NOTHING_READ: HistoryState = {
  history: [],
  isLoaded: false,
  isCutOff: false,
  failure: undefined,
};

/** A ring that is written faster than it can be read cuts the history off again and again. */
const ATTEMPTS_MAX = 5;

type Watched = Pick<Election, "watch">;

/** @param tell called after each change; a caller that draws each one would not keep up */
export async function followHistory(
  election: Watched,
  signal: AbortSignal,
  tell: (state: HistoryState) => void,
): Promise<void> {
  let state = NOTHING_READ;
  const told = (changes: Partial<HistoryState>): void => {
    state = { ...state, ...changes };
    if (!signal.aborted) tell(state);
  };
  let after = 0n;
  for (let attempt = 1; !signal.aborted; attempt++) {
    try {
      const edge = await follow(
        election.watch({ after, signal }),
        attempt < ATTEMPTS_MAX,
        (change) => {
          const history = recordChange(state.history, change);
          const isCutOff = state.isCutOff || (change.type === "gap" && history.length === 0);
          told({ history, isLoaded: true, isCutOff });
        },
      );
      if (edge === undefined) return;
      after = edge;
      told({ isCutOff: true });
    } catch (thrown) {
      const error = ElectionError.from(thrown);
      // The cluster was restored: its revisions have begun anew, elsewhere.
      const isElsewhere = error.code === "GAP" && attempt < ATTEMPTS_MAX;
      if (!isElsewhere) {
        told({ isLoaded: true, failure: error.message });
        return;
      }
      after = 0n;
    }
  }
}

/** Where history begins, if what was asked for lies before it; nothing when the watch has ended. */
async function follow(
  changes: AsyncIterable<Change>,
  mayStartOver: boolean,
  tell: (change: Change) => void,
): Promise<bigint | undefined> {
  let isFirst = true;
  for await (const change of changes) {
    if (change.type === "contact") continue;
    if (change.type === "gap" && isFirst && mayStartOver) return change.lost[1];
    isFirst = false;
    tell(change);
  }
  return undefined;
}
