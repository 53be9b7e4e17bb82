// SPDX-License-Identifier: Apache-2.0
/** R2: while a process leads in one raftTerm, its log does not get shorter. */

import { broken, lifeKey, lifeText } from "./broken.ts";
import type { Rule } from "./rule.ts";
import { sampled } from "./sampling.ts";

export const leaderAppendsOnly: Rule = {
  id: "R2",
  begin: () => {
    const longest = new Map<string, { readonly raftTerm: number; readonly lastIndex: number }>();
    return {
      step: sampled((view) => {
        for (const { life, groups } of view.servers) {
          for (const [i, group] of groups.entries()) {
            const { role, lastIndex, raftTerm } = group.status();
            const key = lifeKey(life, i + 1);
            const before = longest.get(key);
            if (role.kind !== "leader") {
              if (before !== undefined) longest.delete(key);
              continue;
            }
            longest.set(key, { raftTerm, lastIndex });
            if (before?.raftTerm !== raftTerm || lastIndex >= before.lastIndex) continue;
            const lost = `entries above ${lastIndex} of ${before.lastIndex}`;
            return broken("R2", `${lifeText(life)} leads group ${i + 1} and took ${lost} away`);
          }
        }
        return undefined;
      }),
    };
  },
};
