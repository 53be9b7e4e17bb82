// SPDX-License-Identifier: Apache-2.0
/** R6: applied ≤ committed ≤ last, and in one process neither of the first two falls. */

import { broken, lifeKey, lifeText } from "./broken.ts";
import type { Rule } from "./rule.ts";
import { sampled } from "./sampling.ts";

export const indicesInOrder: Rule = {
  id: "R6",
  begin: () => {
    const before = new Map<string, { readonly commit: number; readonly applied: number }>();
    return {
      step: sampled((view) => {
        for (const { life, groups } of view.servers) {
          for (const [i, group] of groups.entries()) {
            const { appliedIndex: applied, commitIndex: commit, lastIndex } = group.status();
            const key = lifeKey(life, i + 1);
            const last = before.get(key) ?? { commit: 0, applied: 0 };
            before.set(key, { commit, applied });
            const isOrdered = applied <= commit && commit <= lastIndex;
            if (isOrdered && commit >= last.commit && applied >= last.applied) continue;
            const now = `applied ${applied}, committed ${commit}, last ${lastIndex}`;
            const then = `before: applied ${last.applied}, committed ${last.commit}`;
            return broken("R6", `${lifeText(life)}, group ${i + 1}: ${now}; ${then}`);
          }
        }
        return undefined;
      }),
    };
  },
};
