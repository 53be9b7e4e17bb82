// SPDX-License-Identifier: Apache-2.0
/**
 * E7, E8: whoever is in a list has a session that lives, at every instant: sessions that end in one
 * entry end together (schedule P), and one that has ended never comes back to its partition.
 */

import type { Violation } from "../world/observation.ts";
import { broken } from "./broken.ts";
import type { Chapter, StoryRule, Turn } from "./story.ts";

export const candidatesLive: StoryRule = {
  id: "E7",
  begin: () => {
    /** `partition/session`. */
    const ended = new Set<string>();
    return {
      chapter(chapter) {
        const { partition, applied } = chapter;
        for (const { sessionId } of applied.sessionsOpened) {
          if (!ended.has(`${partition}/${sessionId}`)) continue;
          return broken("E8", `a session that ended on partition ${partition} is opened again`);
        }
        for (const { sessionId } of applied.sessionsEnded) ended.add(`${partition}/${sessionId}`);
        return chapter.turns
          .map((turn) => dead(chapter, turn, ended))
          .find((found) => found !== undefined);
      },
    };
  },
};

function dead(
  { partition, applied }: Chapter,
  { election, change }: Turn,
  ended: ReadonlySet<string>,
): Violation | undefined {
  const { leader, joined, revision, cause } = change;
  const here = [...(leader === undefined ? [] : [leader]), ...joined.map((one) => one.candidate)];
  for (const { name, sessionId } of here) {
    if (!ended.has(`${partition}/${sessionId}`)) continue;
    // What stands before the end in the entry is of a session that still lived.
    const isEndingNow = applied.sessionsEnded.some((one) => one.sessionId === sessionId);
    if (isEndingNow && cause !== "expired" && cause !== "disconnected") continue;
    return broken("E7", `${election} at revision ${revision}: ${name}, whose session has ended`);
  }
  return undefined;
}
