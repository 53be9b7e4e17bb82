// SPDX-License-Identifier: Apache-2.0
/**
 * R4: a leader commits by an entry of its own raftTerm only. What that buys (leader completeness, paper
 * 5.4.3): when it is known to lead, all that was committed in earlier raftTerms is committed for it too.
 */

import { broken, lifeText } from "./broken.ts";
import type { Rule } from "./rule.ts";

/** The last entry that was committed in a raftTerm. */
interface Committed {
  readonly raftTerm: number;
  index: number;
}

export const leaderHasWhatWasCommitted: Rule = {
  id: "R4",
  begin: () => {
    const groups = new Map<number, Committed[]>();
    return {
      observe(seen) {
        if (seen.kind === "committed") {
          const known = groups.get(seen.group) ?? [];
          groups.set(seen.group, known);
          for (const { index, raftTerm } of seen.entries) note(known, raftTerm, index);
          return undefined;
        }
        if (seen.kind !== "role" || seen.role.kind !== "leader") return undefined;
        const { server, group, role, commitIndex } = seen;
        const missed = (groups.get(group) ?? []).find(
          ({ raftTerm, index }) => raftTerm < role.raftTerm && index > commitIndex,
        );
        if (missed === undefined) return undefined;
        const what = `entry ${missed.index} of raftTerm ${missed.raftTerm} was committed`;
        const where = `leads group ${group} in raftTerm ${role.raftTerm}`;
        return broken("R4", `${lifeText(server)} ${where} from ${commitIndex}, and ${what}`);
      },
    };
  },
};

function note(known: Committed[], raftTerm: number, index: number): void {
  const last = known.find((one) => one.raftTerm === raftTerm);
  if (last === undefined) known.push({ raftTerm, index });
  else if (index > last.index) last.index = index;
}
