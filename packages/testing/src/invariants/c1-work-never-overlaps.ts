// SPDX-License-Identifier: Apache-2.0
/** C1: in one client, an election's work begins when the work before it is over. */

import { broken } from "./broken.ts";
import type { Rule } from "./rule.ts";

export const workNeverOverlaps: Rule = {
  id: "C1",
  begin: () => {
    const working = new Map<string, bigint>();
    return {
      observe(seen) {
        if (seen.kind !== "office") return undefined;
        const { client, election, term, state } = seen;
        const key = `${client}\n${election}`;
        if (state === "lost" || state === "resigned") working.delete(key);
        if (state !== "taken") return undefined;
        const before = working.get(key);
        working.set(key, term);
        const both = `${client} works on ${election} in term ${before} and in term ${term}`;
        return before === undefined ? undefined : broken("C1", both);
      },
    };
  },
};
