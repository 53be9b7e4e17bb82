// SPDX-License-Identifier: Apache-2.0
/**
 * R12, R16: what a leader believes a member to hold, that member holds, as long as both are of one
 * raftTerm; and nobody is believed to hold more than the leader has.
 */

import { incarnationOf, nodeOf } from "@conclave/raft";
import type { Violation } from "../world/observation.ts";
import type { RunningServer, WorldView } from "../world/world-view.ts";
import { broken, lifeText } from "./broken.ts";
import type { Rule } from "./rule.ts";
import { sampled } from "./sampling.ts";

export const durableStays: Rule = {
  id: "R12",
  begin: () => ({
    step: sampled((view) => {
      for (const server of view.servers) {
        for (let group = 1; group <= server.groups.length; group++) {
          const found = misbelief(view, server, group);
          if (found !== undefined) return found;
        }
      }
      return undefined;
    }),
  }),
};

function misbelief(view: WorldView, leader: RunningServer, group: number): Violation | undefined {
  const { raftTerm, lastIndex, peers } = leader.groups[group - 1]!.status();
  for (const { replica, matchIndex } of peers) {
    const belief = `${lifeText(leader.life)} believes that ${nodeOf(replica)} holds ${matchIndex}`;
    if (matchIndex > lastIndex) {
      return broken("R16", `${belief} of group ${group}, and has ${lastIndex} itself`);
    }
    const member = view.servers.find(
      ({ life }) => life.node === nodeOf(replica) && life.incarnation === incarnationOf(replica),
    );
    const status = member?.groups[group - 1]?.status();
    if (status === undefined || status.raftTerm !== raftTerm) continue;
    if (status.lastIndex >= matchIndex) continue;
    return broken("R12", `${belief} of group ${group}, and it has ${status.lastIndex}`);
  }
  return undefined;
}
