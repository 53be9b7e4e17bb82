// SPDX-License-Identifier: Apache-2.0
/**
 * R1: what a member's messages have told of its vote binds it for ever, through all lives of its directory: it
 * votes for nobody else in that raftTerm, remembers for whom it was, and is never in an earlier one again.
 */

import { nodeOf } from "@conclave/raft";
import type { Violation } from "../world/observation.ts";
import type { RunningServer } from "../world/world-view.ts";
import { broken, lifeText, replicaKey } from "./broken.ts";
import type { RuleCheck } from "./rule.ts";
import { sampled } from "./sampling.ts";

interface Vote {
  readonly raftTerm: number;
  /** A node. */
  readonly candidate: number;
}

/** A part of R1. */
export function votesBind(): Required<Pick<RuleCheck, "observe" | "step">> {
  /** Each by its replica and raftTerm: they do not leave in order, as those for others wait elsewhere. */
  const votes = new Map<string, Vote>();
  const latest = new Map<string, Vote>();
  return {
    observe(seen) {
      if (seen.kind !== "vote") return undefined;
      const { server, group, raftTerm, candidate } = seen;
      const replica = replicaKey(server, group);
      const vote = { raftTerm, candidate };
      const before = votes.get(`${replica} ${raftTerm}`) ?? vote;
      votes.set(`${replica} ${raftTerm}`, vote);
      if (raftTerm > (latest.get(replica)?.raftTerm ?? 0)) latest.set(replica, vote);
      if (before.candidate === candidate) return undefined;
      const now = `votes for ${candidate} in raftTerm ${raftTerm} of group ${group}`;
      return broken("R1", `${lifeText(server)} ${now}, and voted ${textOf(before)}`);
    },
    step: sampled(({ servers }) => {
      for (const server of servers) {
        for (let group = 1; group <= server.groups.length; group++) {
          const vote = latest.get(replicaKey(server.life, group));
          const found = vote && forgotten(server, group, vote);
          if (found !== undefined) return found;
        }
      }
      return undefined;
    }),
  };
}

function forgotten(server: RunningServer, group: number, vote: Vote): Violation | undefined {
  const { raftTerm, votedFor } = server.groups[group - 1]!.status();
  // One that has not read its log yet is in no raftTerm.
  if (raftTerm === 0 || raftTerm > vote.raftTerm) return undefined;
  const node = votedFor === undefined ? undefined : nodeOf(votedFor);
  if (raftTerm === vote.raftTerm && node === vote.candidate) return undefined;
  const now = `is in raftTerm ${raftTerm} of group ${group} with a vote for ${node ?? "nobody"}`;
  return broken("R1", `${lifeText(server.life)} ${now}, and voted ${textOf(vote)}`);
}

function textOf({ raftTerm, candidate }: Vote): string {
  return `for ${candidate} in ${raftTerm} before`;
}
