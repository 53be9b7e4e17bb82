// SPDX-License-Identifier: Apache-2.0
/**
 * E5: revisions of a partition rise by one with each change, and each change names the one before it.
 * Those of a cluster that was restored come after all of the one before.
 */

import { broken } from "./broken.ts";
import type { StoryRule } from "./story.ts";

export const revisions: StoryRule = {
  id: "E5",
  begin: (story) => {
    const last = new Map<number, bigint>();
    const gone = new Set<string>();
    return {
      another() {
        for (const [partition, told] of last) {
          const first = story.firstRevisionOf(partition);
          if (first > told) continue;
          const where = `partition ${partition} of the restored cluster`;
          return broken("E5", `${where} begins at revision ${first}; ${told} was told before`);
        }
        last.clear();
        gone.clear();
        return undefined;
      },
      chapter({ partition, turns }) {
        for (const { election, change, before } of turns) {
          const { revision, previousRevision, cause } = change;
          const due = (last.get(partition) ?? story.firstRevisionOf(partition)) + 1n;
          last.set(partition, revision);
          const at = `${election} of partition ${partition}`;
          if (revision !== due) return broken("E5", `${at}: revision ${revision}, not ${due}`);
          // One that was created anew begins with 0; one that was vacant may have been, unseen.
          const mayBeNew = gone.has(election) || before.candidates.length === 0;
          const isKnown = previousRevision === before.revision;
          if (!isKnown && !(mayBeNew && previousRevision === 0n)) {
            const said = `${previousRevision} before it, not ${before.revision}`;
            return broken("E5", `${at}: revision ${revision} says ${said}`);
          }
          if (cause === "deleted") gone.add(election);
          else gone.delete(election);
        }
        return undefined;
      },
    };
  },
};
