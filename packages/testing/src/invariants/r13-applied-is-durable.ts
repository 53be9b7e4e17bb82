// SPDX-License-Identifier: Apache-2.0
/**
 * R13, S2: what a directory's process has applied, and what it acknowledged, its next process finds
 * there, whatever ended the one before.
 */

import { broken, lifeKey, lifeText, replicaKey } from "./broken.ts";
import type { Rule } from "./rule.ts";

interface Kept {
  applied: number;
  acknowledged: number;
}

export const appliedIsDurable: Rule = {
  id: "R13",
  begin: () => {
    const kept = new Map<string, Kept>();
    const met = new Set<string>();
    return {
      observe(seen) {
        if (seen.kind === "server-ended") {
          for (const key of met) {
            if (key.startsWith(`${seen.server.node}/`)) met.delete(key);
          }
          return undefined;
        }
        const isKept =
          seen.kind === "committed" || seen.kind === "restored" || seen.kind === "acknowledged";
        if (!isKept) return undefined;
        const key = replicaKey(seen.server, seen.group);
        const before = kept.get(key) ?? { applied: 0, acknowledged: 0 };
        kept.set(key, before);
        const index = seen.kind === "committed" ? (seen.entries.at(-1)?.index ?? 0) : seen.index;
        if (seen.kind === "acknowledged") {
          before.acknowledged = Math.max(before.acknowledged, index);
        } else before.applied = Math.max(before.applied, index);
        return undefined;
      },
      step(view) {
        for (const { life, groups } of view.servers) {
          if (groups.length === 0 || met.has(lifeKey(life, 1))) continue;
          for (const [i, group] of groups.entries()) {
            met.add(lifeKey(life, i + 1));
            const { applied, acknowledged } = kept.get(replicaKey(life, i + 1)) ?? NOTHING;
            const { lastIndex } = group.status();
            const found = `${lifeText(life)} found ${lastIndex} entries of group ${i + 1}`;
            if (lastIndex < acknowledged) {
              return broken("S2", `${found}, and had acknowledged ${acknowledged}`);
            }
            if (lastIndex < applied) return broken("R13", `${found}, and had applied ${applied}`);
          }
        }
        return undefined;
      },
    };
  },
};

const NOTHING: Kept = { applied: 0, acknowledged: 0 };
