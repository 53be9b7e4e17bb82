// SPDX-License-Identifier: Apache-2.0
/**
 * R1: what a member's messages have told of its vote binds it for ever, through all lives of its directory: it
 * votes for nobody else in that raftTerm, remembers for whom it was, and is never in an earlier one again.
 */

import type { GroupStatus } from "@conclave/raft";
import { nodeOf } from "@conclave/raft";
import type { ServerLife, Violation } from "../world/observation.ts";
import { broken, lifeKey, lifeText, replicaKey } from "./broken.ts";
import type { RuleCheck } from "./rule.ts";

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
  /** Lives that were looked at. */
  const met = new Set<string>();
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
    step({ servers }) {
      for (const server of servers) {
        for (let group = 1; group <= server.groups.length; group++) {
          const key = lifeKey(server.life, group);
          const vote = latest.get(replicaKey(server.life, group));
          // What it has found on its disk shows until it hears of somebody.
          if (vote === undefined || met.has(key)) continue;
          const status = server.groups[group - 1]!.status();
          // One that has not read its log yet is in no raftTerm.
          if (status.raftTerm === 0) continue;
          met.add(key);
          const found = forgotten(server.life, group, vote, status);
          if (found !== undefined) return found;
        }
      }
      return undefined;
    },
  };
}

function forgotten(
  life: ServerLife,
  group: number,
  vote: Vote,
  { raftTerm, votedFor }: GroupStatus,
): Violation | undefined {
  if (raftTerm > vote.raftTerm) return undefined;
  const node = votedFor === undefined ? undefined : nodeOf(votedFor);
  if (raftTerm === vote.raftTerm && node === vote.candidate) return undefined;
  const now = `is in raftTerm ${raftTerm} of group ${group} with a vote for ${node ?? "nobody"}`;
  return broken("R1", `${lifeText(life)} ${now}, and voted ${textOf(vote)}`);
}

function textOf({ raftTerm, candidate }: Vote): string {
  return `for ${candidate} in ${raftTerm} before`;
}
