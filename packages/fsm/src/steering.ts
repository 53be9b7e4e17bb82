// SPDX-License-Identifier: Apache-2.0
/**
 * Anoint, promote, demote and evict on a candidate that is there: what they do to the list, the same
 * for the native verbs and the dialects' (semantics A1).
 */

import { unreachable } from "@conclave/base";
import { moveCandidacy, positionOf, removeCandidacy } from "./election.ts";
import { settle } from "./office.ts";
import type { Candidacy } from "./records.ts";
import type { Turn } from "./turn.ts";

export type Verb = "anoint" | "promote" | "demote" | "evict";

/** Carries it out; false where A1 says that nothing happens. */
export function steer(turn: Turn, candidacy: Candidacy, verb: Verb, reason: string): boolean {
  const { queue } = candidacy.election;
  const position = positionOf(candidacy);
  switch (verb) {
    case "anoint":
      return position > 0 && moveTo(turn, candidacy, 0, "anointed", reason);
    case "promote":
      return position > 0 && moveTo(turn, candidacy, position - 1, "promoted", reason);
    case "demote":
      return (
        position < queue.length - 1 && moveTo(turn, candidacy, position + 1, "demoted", reason)
      );
    case "evict":
      return evict(turn, candidacy, reason);
    default:
      return unreachable(verb);
  }
}

function moveTo(
  turn: Turn,
  candidacy: Candidacy,
  position: number,
  cause: "anointed" | "promoted" | "demoted",
  reason: string,
): true {
  const { election } = candidacy;
  const leaderBefore = election.queue[0]?.view;
  const from = positionOf(candidacy);
  moveCandidacy(candidacy, position);
  const moved = [{ candidate: candidacy.view, from, position }];
  settle(turn, election, leaderBefore, { cause, reason, moved });
  return true;
}

function evict(turn: Turn, candidacy: Candidacy, reason: string): true {
  const { election } = candidacy;
  const leaderBefore = election.queue[0]?.view;
  const left = [removeCandidacy(candidacy)];
  settle(turn, election, leaderBefore, { cause: "evicted", reason, left });
  return true;
}
