// SPDX-License-Identifier: Apache-2.0
/**
 * O2: nobody is let into office before the holder has resigned, an operator has moved it, or its expiry
 * has committed: the very process, and not another of its name. An expiry does not commit while its holder, by its own clocks, still believes.
 */

import { broken } from "./broken.ts";
import type { StoryRule, Turn } from "./story.ts";

export const noEarlyGrant: StoryRule = {
  id: "O2",
  begin: (story) => {
    const clients = new Map<bigint, string>();
    /** Offices whose holders' sessions have just ended for want of renewals. */
    let expired: { readonly election: string; readonly term: bigint }[] = [];
    return {
      observe(seen) {
        if (seen.kind === "session-drawn") clients.set(seen.sessionId, seen.client);
        if (seen.kind !== "office" || seen.state !== "taken" || !story.isTold) return undefined;
        const { election, term, candidate, client } = seen;
        const given = story
          .pastsOf(election)
          .find((past) => past.term === term && past.candidates[0] === candidate);
        const what = `${client} took ${election}#${term} as ${candidate}`;
        if (given === undefined) return broken("O2", `${what}, which it had not been given`);
        const other = given.holder === undefined ? undefined : clients.get(given.holder);
        if (other === undefined || other === client) return undefined;
        return broken("O2", `${what}, which was given to ${other}`);
      },
      chapter({ turns }) {
        for (const turn of turns) {
          const { election, change, before } = turn;
          const { leaderBefore } = change;
          if (leaderBefore === undefined || !isOver(turn)) continue;
          const { cause } = change;
          if (cause === "expired" || cause === "disconnected") {
            expired.push({ election, term: before.term });
          }
          if (!ENDS.has(cause)) {
            const what = `${leaderBefore.name} in term ${before.term}`;
            return broken("O2", `${election}: ${what} lost the office by ${cause}`);
          }
        }
        return undefined;
      },
      step(view) {
        if (expired.length === 0) return undefined;
        const over = expired;
        expired = [];
        for (const { election, term } of over) {
          const belief = view.beliefs.find((one) => one.election === election && one.term === term);
          if (belief === undefined) continue;
          const { client, remainingMs } = belief;
          const left = `${client} believes in it for ${remainingMs} ms more`;
          return broken("O2", `${election}: term ${term} has expired, and ${left}`);
        }
        return undefined;
      },
    };
  },
};

const ENDS: ReadonlySet<string> = new Set([
  "resigned",
  "expired",
  "disconnected",
  "anointed",
  "promoted",
  "demoted",
  "evicted",
  "deleted",
  // By a takeover of its name.
  "entered",
  "restored",
]);

/** Whoever led does not lead any more. */
function isOver({ change, before, after }: Turn): boolean {
  return before.candidates[0] !== after.candidates[0] || change.term !== before.term;
}
