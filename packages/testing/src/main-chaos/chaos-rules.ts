// SPDX-License-Identifier: Apache-2.0
/** What real processes are held to: the rules that clients can see broken, without a look inside. */

import type { Rule } from "../invariants/rule.ts";

export const CHAOS_RULES: readonly Rule[] = [
  {
    id: "?",
    begin: () => ({
      observe: (seen) =>
        seen.kind === "broken"
          ? { rule: "?", message: `${seen.where}: ${seen.message}` }
          : undefined,
    }),
  },
];
