// SPDX-License-Identifier: Apache-2.0
/**
 * O1: at most one leader of an election in one term, whoever tells of it: replicas, answers, watches and
 * the leaders themselves. Nobody is told of a term and hears of a lower one later from the same source.
 * Another cluster, restored from a backup of this one, issues terms above all that this one did.
 */

import type { Observation, Violation } from "../world/observation.ts";
import { broken, electionOf } from "./broken.ts";
import type { StoryRule } from "./story.ts";

/** Who has been told to lead in a term. `client` is known from clients' own words only. */
interface Holder {
  readonly candidate: string;
  client: string | undefined;
  readonly by: string;
}

interface Told {
  readonly election: string;
  readonly term: bigint;
  readonly candidate: string;
  readonly client?: string | undefined;
  readonly by: string;
}

export const oneLeaderPerTerm: StoryRule = {
  id: "O1",
  begin: () => {
    const holders = new Map<string, Holder>();
    /** Of each election, and at the end of the cluster before. */
    const highest = new Map<string, bigint>();
    let old: ReadonlyMap<string, bigint> = new Map();
    const note = ({ election, term, candidate, client, by }: Told): Violation | undefined => {
      const office = `${election}#${term}`;
      if (term > (highest.get(election) ?? 0n)) highest.set(election, term);
      const holder = holders.get(office) ?? { candidate, client, by };
      holders.set(office, holder);
      holder.client ??= client;
      const isOther = client !== undefined && client !== holder.client;
      if (holder.candidate === candidate && !isOther) return undefined;
      const first = `${holder.candidate} (${holder.client ?? "?"}) by ${holder.by}`;
      return broken("O1", `${office} is ${first}, and ${candidate} (${client ?? "?"}) by ${by}`);
    };
    return {
      another() {
        old = new Map(highest);
        return undefined;
      },
      chapter({ turns }) {
        for (const { election, after } of turns) {
          const [candidate] = after.candidates;
          if (candidate === undefined) continue;
          const { term } = after;
          const oldest = old.get(election) ?? 0n;
          if (term <= oldest) {
            const issued = `the cluster that was restored had issued ${oldest}`;
            return broken("O1", `${election}#${term} is given to ${candidate}; ${issued}`);
          }
          const found = note({ election, term, candidate, by: "the log" });
          if (found !== undefined) return found;
        }
        return undefined;
      },
      observe(seen) {
        const told = toldBy(seen);
        return told && note(told);
      },
    };
  },
};

function toldBy(seen: Observation): Told | undefined {
  switch (seen.kind) {
    case "changed": {
      const { term, leader, key } = seen.change;
      const by = `node ${seen.server.node}`;
      return leader && { election: electionOf(key), term, candidate: leader.name, by };
    }
    case "office": {
      const { election, term, candidate, client, state } = seen;
      return state === "taken" ? { election, term, candidate, client, by: "itself" } : undefined;
    }
    case "watched": {
      const { election, term, leader: candidate, client, watch } = seen;
      const by = `watch ${watch} of ${client}`;
      return candidate === undefined ? undefined : { election, term, candidate, by };
    }
    case "operation": {
      const { election, result, client, call } = seen.operation;
      const by = `the answer to ${call.kind} of ${client}`;
      if (result?.kind !== "view" || result.view.leader === undefined) return undefined;
      return { election, term: result.view.term, candidate: result.view.leader, by };
    }
    default:
      return undefined;
  }
}
