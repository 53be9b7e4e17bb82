// SPDX-License-Identifier: Apache-2.0
/** O3: a register that refuses lower fences never takes a write that forgets another's. */

import { broken } from "./broken.ts";
import type { Rule } from "./rule.ts";

export const fencedRegister: Rule = {
  id: "O3",
  begin: () => {
    const registers = new Map<string, { term: bigint; value: number; writer: string }>();
    return {
      observe(seen) {
        if (seen.kind !== "fenced-write" || !seen.isTaken) return undefined;
        const { election, term, client, expected, value } = seen;
        const before = registers.get(election) ?? { term: 0n, value: 0, writer: "nobody" };
        registers.set(election, { term, value, writer: client });
        const write = `${client} wrote ${value} over ${expected} to ${election} in term ${term}`;
        const there = `${before.writer} had left ${before.value} in term ${before.term}`;
        const isLost = term < before.term || expected !== before.value;
        return isLost ? broken("O3", `${write}; ${there}`) : undefined;
      },
    };
  },
};
