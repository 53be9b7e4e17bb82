// SPDX-License-Identifier: Apache-2.0
/**
 * R15, R7: a leader commits by a majority of the voters, of both sets of them while they change, by what it
 * knows itself of how far each is; learners do not count, nor it itself by what its own disk does not hold.
 */

import type { GroupStatus } from "@conclave/raft";
import { nodeOf, replicaIdOf } from "@conclave/raft";
import { broken, lifeKey, lifeText } from "./broken.ts";
import type { Rule } from "./rule.ts";
import { sampled } from "./sampling.ts";

interface Seen {
  readonly raftTerm: number;
  readonly commitIndex: number;
  readonly members: string;
}

export const majorities: Rule = {
  id: "R15",
  begin: () => {
    const before = new Map<string, Seen>();
    return {
      step: sampled(({ servers }) => {
        for (const { life, groups } of servers) {
          const self = replicaIdOf(life.node, life.incarnation);
          for (const [i, group] of groups.entries()) {
            const status = group.status();
            const key = lifeKey(life, i + 1);
            const last = before.get(key);
            if (status.role.kind !== "leader") {
              if (last !== undefined) before.delete(key);
              continue;
            }
            const { raftTerm, commitIndex } = status;
            const members = JSON.stringify(status.configuration);
            before.set(key, { raftTerm, commitIndex, members });
            // What was committed before it led, or by other members, says nothing of these.
            const isOwn = last?.raftTerm === raftTerm && last.members === members;
            if (!isOwn || commitIndex === last.commitIndex) continue;
            const minority = minorityOf(status, self);
            if (minority === undefined) continue;
            const who = `${lifeText(life)}, group ${i + 1}`;
            const voters = minority.map((replica) => nodeOf(replica));
            return broken("R15", `${who}: ${commitIndex} is committed by a minority of ${voters}`);
          }
        }
        return undefined;
      }),
    };
  },
};

/** A set of voters most of which are not as far as the commit. */
function minorityOf(status: GroupStatus, self: number): readonly number[] | undefined {
  const { configuration, peers, commitIndex, durableIndex } = status;
  const indexOf = (replica: number): number =>
    replica === self
      ? durableIndex
      : (peers.find((peer) => peer.replica === replica)?.matchIndex ?? 0);
  return [configuration.voters, configuration.outgoing].find((voters) => {
    const there = voters.filter((replica) => indexOf(replica) >= commitIndex);
    return voters.length > 0 && there.length * 2 <= voters.length;
  });
}
