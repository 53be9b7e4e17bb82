// SPDX-License-Identifier: Apache-2.0
/**
 * O8: once everything is whole again, an election for which somebody lives and stands is led: within the
 * longest TTL, for a holder that is gone, and two election timeouts, for servers that have to elect. Who
 * comes to lead a partition gives every session a full TTL (schedule J), so the time runs anew from there.
 */

import type { WorldView } from "../world/world-view.ts";
import { broken } from "./broken.ts";
import type { Rule } from "./rule.ts";
import { sampled } from "./sampling.ts";

const TWO_ELECTION_TIMEOUTS_MS = 1_200;
/** Until a client has given a dead connection up, found another node and entered again. */
const CLIENT_MS = 5_000;

export const liveness: Rule = {
  id: "O8",
  begin: () => {
    let isHealed = false;
    let healedMs = 0;
    let electedMs = 0;
    const ledMs = new Map<string, number>();
    return {
      observe(seen, nowMs) {
        if (seen.kind === "fault") isHealed = false;
        if (seen.kind === "role" && seen.role.kind === "leader") electedMs = nowMs;
        if (seen.kind !== "healed") return undefined;
        isHealed = true;
        healedMs = nowMs;
        return undefined;
      },
      step: sampled((view) => {
        for (const { election } of view.beliefs) ledMs.set(election, view.nowMs);
        if (!isHealed) return undefined;
        for (const { election, candidate, sinceMs } of view.waiting) {
          const fromMs = Math.max(healedMs, electedMs, sinceMs, ledMs.get(election) ?? 0);
          const waitedMs = view.nowMs - fromMs;
          if (waitedMs <= TWO_ELECTION_TIMEOUTS_MS + CLIENT_MS) continue;
          const boundMs = longestTtlMs(view) + TWO_ELECTION_TIMEOUTS_MS + CLIENT_MS;
          if (waitedMs <= boundMs) continue;
          const wait = `${candidate} stands for ${election}, which nobody leads`;
          return broken("O8", `${wait} for ${Math.round(waitedMs)} ms; ${boundMs} at most`);
        }
        return undefined;
      }),
    };
  },
};

function longestTtlMs({ servers }: WorldView): number {
  const ttls = servers.flatMap(({ replicas }) =>
    (replicas?.partitions ?? []).flatMap(({ state }) =>
      [...state.sessions.values()].map(({ ttlMs }) => ttlMs),
    ),
  );
  return Math.max(0, ...ttls);
}
