// SPDX-License-Identifier: Apache-2.0
/** S10: one process at a time has a node's directory. */

import { broken, lifeText } from "./broken.ts";
import type { Rule } from "./rule.ts";

export const oneProcess: Rule = {
  id: "S10",
  begin: () => {
    const running = new Map<number, string>();
    return {
      observe(seen) {
        if (seen.kind === "server-ended") running.delete(seen.server.node);
        if (seen.kind !== "server-started") return undefined;
        const who = lifeText(seen.server);
        const other = running.get(seen.server.node);
        running.set(seen.server.node, who);
        return other === undefined ? undefined : broken("S10", `${who} began beside ${other}`);
      },
    };
  },
};
