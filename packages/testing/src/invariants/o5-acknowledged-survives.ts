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
    const acknowledged = new Map<number, number>();
    return {
      observe(seen) {
        if (seen.kind === "acknowledged") {
          const { group, index } = seen;
          acknowledged.set(group, Math.max(acknowledged.get(group) ?? 0, index));
          return undefined;
        }
        if (seen.kind !== "role" || seen.role.kind !== "leader") return undefined;
        const { server, group, role, lastIndex } = seen;
        const index = acknowledged.get(group) ?? 0;
        if (lastIndex >= index) return undefined;
        const office = `leads group ${group} in raftTerm ${role.raftTerm}`;
        const has = `has ${lastIndex} entries; ${index} were acknowledged`;
        return broken("O5", `${lifeText(server)} ${office} and ${has}`);
      },
      end({ servers }) {
        for (const [group, index] of acknowledged) {
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
