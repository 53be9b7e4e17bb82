// SPDX-License-Identifier: Apache-2.0
/** R17: a snapshot stands for a log that was committed: at its index is the raftTerm that was there. */

import { broken, lifeText } from "./broken.ts";
import type { Rule } from "./rule.ts";

export const snapshotsFit: Rule = {
  id: "R17",
  begin: () => {
    const logs = new Map<number, number[]>();
    return {
      observe(seen) {
        if (seen.kind === "committed") {
          const log = logs.get(seen.group) ?? [];
          logs.set(seen.group, log);
          for (const { index, raftTerm } of seen.entries) log[index] ??= raftTerm;
          return undefined;
        }
        if (seen.kind !== "restored") return undefined;
        const { server, group, index, raftTerm } = seen;
        const known = logs.get(group)?.[index];
        if (known === undefined || known === raftTerm) return undefined;
        const what = `a snapshot of group ${group} at ${index} of raftTerm ${raftTerm}`;
        return broken("R17", `${lifeText(server)} took ${what}; committed was one of ${known}`);
      },
    };
  },
};
