// SPDX-License-Identifier: Apache-2.0
/** E2: a name is in an election's list at most once. */

import { broken } from "./broken.ts";
import type { StoryRule } from "./story.ts";

export const namesOnce: StoryRule = {
  id: "E2",
  begin: () => ({
    chapter({ turns }) {
      for (const { election, after } of turns) {
        const { candidates, revision } = after;
        if (new Set(candidates).size === candidates.length) continue;
        return broken("E2", `${election} at revision ${revision} lists ${candidates}`);
      }
      return undefined;
    },
  }),
};
