// SPDX-License-Identifier: Apache-2.0
/**
 * E3, E4: a term rises by one exactly when a candidate takes office, and goes on where it was after a
 * deletion; whoever leads is the first of the list.
 */

import type { CandidateView } from "@conclave/fsm";
import { broken } from "./broken.ts";
import type { Story, StoryRule } from "./story.ts";

interface Office {
  readonly term: bigint;
  readonly leader: CandidateView | undefined;
}

export const terms: StoryRule = {
  id: "E3",
  begin: (story) => {
    const offices = new Map<string, Office>();
    return {
      another() {
        offices.clear();
        return undefined;
      },
      chapter({ turns }) {
        for (const { election, change, after } of turns) {
          const { term, leader } = change;
          const before = offices.get(election) ?? firstOffice(story, election);
          offices.set(election, { term, leader });
          const at = `${election} at revision ${change.revision}`;
          const isTaken = leader !== undefined && !isSame(before.leader, leader);
          const due = before.term + (isTaken ? 1n : 0n);
          if (term !== due) {
            const who = `${before.leader?.name} led, ${leader?.name} leads`;
            return broken("E3", `${at}: ${who}, term ${term} after ${before.term}`);
          }
          if (leader?.name !== after.candidates[0]) {
            return broken("E4", `${at}: ${leader?.name} leads a list of ${after.candidates}`);
          }
        }
        return undefined;
      },
    };
  },
};

/** In a cluster that was restored it begins far above all before. */
function firstOffice(story: Story, election: string): Office {
  return { term: story.beginningOf(election).term, leader: undefined };
}

function isSame(before: CandidateView | undefined, now: CandidateView): boolean {
  return before?.name === now.name && before.sessionId === now.sessionId;
}
