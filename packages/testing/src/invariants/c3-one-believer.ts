// SPDX-License-Identifier: Apache-2.0
/**
 * C3: at every instant at most one leadership of an election is believed in, but for the time after an
 * operator's move in which the old holder has yet to hear of it. Processes that stand still cannot be
 * asked, and cannot act.
 */

import type { Violation } from "../world/observation.ts";
import type { WorldView } from "../world/world-view.ts";
import { broken } from "./broken.ts";
import { toldIsOver } from "./c3-told-is-over.ts";
import type { Past, Story, StoryRule } from "./story.ts";

export const oneBeliever: StoryRule = {
  id: "C3",
  begin: (story) => {
    const told = toldIsOver.begin(story);
    return { ...told, step: (view) => rival(story, view) ?? told.step?.(view) };
  },
};

function rival(story: Story, { beliefs }: WorldView): Violation | undefined {
  if (beliefs.length < 2) return undefined;
  for (const belief of beliefs) {
    const { election, client, term } = belief;
    const other = beliefs.find((one) => one.election === election && one.term > term);
    const twin = beliefs.find(
      (one) => one !== belief && one.election === election && one.term === term,
    );
    if (twin !== undefined) {
      return broken("C3", `${client} and ${twin.client} both believe in ${election}#${term}`);
    }
    if (other === undefined || isOperatorsDoing(story.pastsOf(election), term)) continue;
    const both = `${client} believes in term ${term}, ${other.client} in ${other.term}`;
    return broken("C3", `${election}: ${both}`);
  }
  return undefined;
}

const OPERATORS: ReadonlySet<string> = new Set([
  "anointed",
  "promoted",
  "demoted",
  "evicted",
  "deleted",
  "entered",
  "restored",
]);

/** What ended the office of that term: the first change after which its holder does not lead in it. */
function isOperatorsDoing(pasts: readonly Past[], term: bigint): boolean {
  let holder: string | undefined;
  for (const past of pasts) {
    if (past.term === term && past.candidates.length > 0) holder ??= past.candidates[0];
    const isOver = past.term > term || past.candidates[0] !== holder;
    if (holder !== undefined && isOver) return OPERATORS.has(past.cause);
  }
  return false;
}
