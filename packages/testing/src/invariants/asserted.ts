// SPDX-License-Identifier: Apache-2.0
/**
 * Every rule that the product asserts of itself, or a user of it in a run: a failed assertion breaks the rule that its message
 * begins with. What else was thrown that nobody caught breaks no rule with a number, and is wrong.
 */

import { broken } from "./broken.ts";
import type { Rule } from "./rule.ts";

export const asserted: Rule = {
  id: "?",
  begin: () => ({
    observe(seen) {
      if (seen.kind !== "broken") return undefined;
      const rule = /^([RESCO]\d+):/.exec(seen.message)?.[1] ?? "?";
      return broken(rule, `${seen.where}: ${seen.message}`);
    },
  }),
};
