// SPDX-License-Identifier: Apache-2.0
/**
 * O5: what was acknowledged outlives any failure of a minority: whoever leads later has it, and in the
 * end every log reaches beyond it.
 */

import { broken, lifeText } from "./broken.ts";
import type { Rule } from "./rule.ts";

export const acknowledgedSurvives: Rule = {
  id: "O5",
  begin: () => {
    /** Of each group, the last index that was acknowledged in a raftTerm. */
    const acknowledged = new Map<number, Map<number, number>>();
    /** In which raftTerm a process led a group last. */
    const ledIn = new Map<string, number>();
    return {
      observe(seen) {
        if (seen.kind === "acknowledged") {
          const { group, index } = seen;
          const raftTerm = ledIn.get(`${lifeText(seen.server)} ${group}`) ?? 0;
          const known = acknowledged.get(group) ?? new Map<number, number>();
          acknowledged.set(group, known.set(raftTerm, Math.max(known.get(raftTerm) ?? 0, index)));
          return undefined;
        }
        if (seen.kind !== "role" || seen.role.kind !== "leader") return undefined;
        const { server, group, role, lastIndex } = seen;
        ledIn.set(`${lifeText(server)} ${group}`, role.raftTerm);
        // Who learns late that it was elected has nothing of the raftTerms after its own.
        const index = highestBefore(acknowledged.get(group), role.raftTerm);
        if (lastIndex >= index) return undefined;
        const office = `leads group ${group} in raftTerm ${role.raftTerm}`;
        const has = `has ${lastIndex} entries; ${index} were acknowledged`;
        return broken("O5", `${lifeText(server)} ${office} and ${has}`);
      },
      end({ servers }) {
        for (const [group, known] of acknowledged) {
          const index = highestBefore(known, Number.POSITIVE_INFINITY);
          const commits = servers.flatMap(({ groups }) => {
            const status = groups[group - 1]?.status();
            return status === undefined ? [] : [status.commitIndex];
          });
          const highest = Math.max(0, ...commits);
          if (commits.length === 0 || highest >= index) continue;
          const ends = `group ${group} ends with ${highest} committed entries`;
          return broken("O5", `${ends}; ${index} were acknowledged`);
        }
        return undefined;
      },
    };
  },
};

function highestBefore(known: ReadonlyMap<number, number> | undefined, raftTerm: number): number {
  let highest = 0;
  for (const [term, index] of known ?? []) if (term < raftTerm) highest = Math.max(highest, index);
  return highest;
}
