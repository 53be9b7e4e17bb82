// SPDX-License-Identifier: Apache-2.0
/**
 * R1: at most one process leads a group in one raftTerm, no directory leads in an earlier one later, and votes bind
 * whoever has given them.
 */

import { broken, lifeText, replicaKey } from "./broken.ts";
import { votesBind } from "./r01-one-vote-per-raft-term.ts";
import type { Rule } from "./rule.ts";

export const oneLeaderPerRaftTerm: Rule = {
  id: "R1",
  begin: () => {
    const leaders = new Map<string, string>();
    const votes = votesBind();
    const ledIn = new Map<string, number>();
    return {
      step: votes.step,
      observe(seen, nowMs) {
        if (seen.kind === "vote") return votes.observe(seen, nowMs);
        if (seen.kind !== "role" || seen.role.kind !== "leader") return undefined;
        const { server, group, role } = seen;
        const { raftTerm } = role;
        const who = lifeText(server);
        const office = `group ${group} in raftTerm ${raftTerm}`;
        const other = leaders.get(office);
        leaders.set(office, who);
        if (other !== undefined && other !== who) {
          return broken("R1", `${other} and ${who} both lead ${office}`);
        }
        const key = replicaKey(server, group);
        const before = ledIn.get(key) ?? 0;
        ledIn.set(key, raftTerm);
        if (before <= raftTerm) return undefined;
        return broken("R1", `${who} leads ${office}, and had led in ${before} before`);
      },
    };
  },
};
