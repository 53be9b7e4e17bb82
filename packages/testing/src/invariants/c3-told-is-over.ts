// SPDX-License-Identifier: Apache-2.0
/**
 * The part of C3 that is about one client: whoever was moved out of office by an operator does not believe in it any more
 * once a renewal is acknowledged that was sent after the move, if nothing else has told it by then.
 */

import { broken } from "./broken.ts";
import type { StoryRule, Turn } from "./story.ts";

interface Loss {
  readonly partition: number;
  readonly office: string;
  readonly atMs: number;
}

export const toldIsOver: StoryRule = {
  id: "C3",
  begin: () => {
    /** By session. */
    const losses = new Map<bigint, Loss[]>();
    const sentMs = new Map<string, number>();
    /** Offices with their clients, that these know to be over. */
    const over = new Set<string>();
    return {
      chapter({ partition, turns }, nowMs) {
        for (const turn of turns) {
          const { holder, term } = turn.before;
          if (holder === undefined || !isMoved(turn)) continue;
          const loss = { partition, office: `${turn.election}#${term}`, atMs: nowMs };
          losses.set(holder, [...(losses.get(holder) ?? []), loss]);
        }
        return undefined;
      },
      observe(seen, nowMs) {
        if (seen.kind === "renewal-sent") sentMs.set(`${seen.sessionId}/${seen.number}`, nowMs);
        if (seen.kind !== "renewal-confirmed") return undefined;
        const { client, sessionId, partition, number } = seen;
        const since = sentMs.get(`${sessionId}/${number}`) ?? Number.NEGATIVE_INFINITY;
        for (const loss of losses.get(sessionId) ?? []) {
          const isTold = loss.partition === partition && loss.atMs < since;
          if (isTold) over.add(`${client}\n${loss.office}`);
        }
        return undefined;
      },
      step({ beliefs }) {
        if (over.size === 0) return undefined;
        for (const { client, election, term } of beliefs) {
          if (!over.has(`${client}\n${election}#${term}`)) continue;
          const told = "was moved out of it before it sent a renewal that is acknowledged";
          return broken("C3", `${client} believes in ${election}#${term}, and ${told}`);
        }
        return undefined;
      },
    };
  },
};

/** Whoever led does not lead any more, and its session lives: another one leads, or nobody. */
function isMoved({ before, after }: Turn): boolean {
  return before.holder !== after.holder || before.term !== after.term;
}
