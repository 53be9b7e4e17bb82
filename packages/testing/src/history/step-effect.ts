// SPDX-License-Identifier: Apache-2.0
/** What a step does to the model, and whether the answer that it got can be true there. Pure. */

import { unreachable } from "@conclave/base";
import {
  atRevision,
  fenceStatus,
  leave,
  type ModelState,
  remove,
  seenAs,
  steer,
  touch,
} from "./election-model.ts";
import type { Action } from "./plan.ts";

/** The state after it; undefined where it cannot have been answered so in this state. */
export function effectOf(
  state: ModelState,
  action: Action,
  client: string,
): ModelState | undefined {
  switch (action.kind) {
    case "led": {
      const leader = state.queue[0];
      const isLeader = leader?.name === action.candidate && leader.client === client;
      return isLeader && state.term === action.term ? state : undefined;
    }
    case "seen":
      return seenAs(state, action.view);
    case "fence": {
      const { asked, status, term, revision } = action;
      // This revision is the partition's, and so never below the election's own.
      const isPast = revision < state.revision;
      const isTrue = term === state.term && status === fenceStatus(state, asked) && !isPast;
      return isTrue ? state : undefined;
    }
    case "steer": {
      const { verb, candidate, ifRevision } = action;
      const checked = ifRevision === undefined ? state : atRevision(state, ifRevision);
      return checked && steer(checked, verb, candidate);
    }
    case "delete": {
      const { ifRevision } = action;
      const checked = ifRevision === undefined ? state : atRevision(state, ifRevision);
      return checked?.exists === true ? remove(checked) : undefined;
    }
    case "withdraw":
      return leave(state, action.candidate, client) ?? state;
    case "touch":
      return touch(state, action.candidate, client);
    case "not-found":
      return isMissing(state, action.candidate) ? state : undefined;
    case "conflict":
      return state.isExact && state.revision === action.ifRevision ? undefined : state;
    default:
      return unreachable(action);
  }
}

/** Whether a command may have been refused in this state, by what is known of it. */
export function mayBeRefused(state: ModelState, action: Action): boolean {
  if (action.kind !== "steer" && action.kind !== "delete") return false;
  if (isMissing(state, action.kind === "steer" ? action.candidate : undefined)) return true;
  const { ifRevision } = action;
  return ifRevision !== undefined && !(state.isExact && state.revision === ifRevision);
}

/** A vacant election may have been folded away, which nobody is told of. */
function isMissing({ queue }: ModelState, candidate: string | undefined): boolean {
  if (candidate === undefined) return queue.length === 0;
  return !queue.some(({ name }) => name === candidate);
}
