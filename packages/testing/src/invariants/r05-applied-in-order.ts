// SPDX-License-Identifier: Apache-2.0
/** R5: a process is given what is committed in order, each entry once, and after what a snapshot gave it. */

import { broken, lifeKey, lifeText } from "./broken.ts";
import type { Rule } from "./rule.ts";

export const appliedInOrder: Rule = {
  id: "R5",
  begin: () => {
    const last = new Map<string, number>();
    return {
      observe(seen) {
        if (seen.kind !== "committed" && seen.kind !== "restored") return undefined;
        const { server, group } = seen;
        const key = lifeKey(server, group);
        const indices = seen.kind === "restored" ? [seen.index] : seen.entries.map((e) => e.index);
        for (const index of indices) {
          const before = last.get(key) ?? -1;
          last.set(key, index);
          if (index > before) continue;
          const order = `${seen.kind} ${index} after ${before}`;
          return broken("R5", `${lifeText(server)}, group ${group}: ${order}`);
        }
        return undefined;
      },
    };
  },
};
