// SPDX-License-Identifier: Apache-2.0
/**
 * The dumb twin of the search: every order of steps that time allows, with everything that may happen
 * beside them, one after the other and nothing remembered. For histories of a few operations.
 */

import { enter, leaveUnasked, type ModelState, NOTHING } from "../election-model.ts";
import type { History } from "../operation.ts";
import { type OpenCommand, type Plan, planOf, type Step } from "../plan.ts";
import { effectOf } from "../step-effect.ts";

interface Point {
  readonly state: ModelState;
  readonly nowNs: bigint;
  readonly left: readonly Step[];
  readonly open: readonly OpenCommand[];
  /** How much may still happen that nobody was told of. */
  readonly unasked: number;
}

/** @param unaskedMax how many entries, endings and lost commands an order may have. */
export function hasOrder(history: History, unaskedMax: number): boolean {
  const plan = planOf(history);
  const { steps: left, openCommands: open } = plan;
  return leadsOn(plan, { state: NOTHING, nowNs: -1n, left, open, unasked: unaskedMax });
}

function leadsOn(plan: Plan, point: Point): boolean {
  if (point.left.length === 0) return true;
  return nextOf(plan, point).some((next) => leadsOn(plan, next));
}

function nextOf(plan: Plan, point: Point): readonly Point[] {
  const { state, nowNs, left, open, unasked } = point;
  const next: Point[] = [];
  const isTimely = (fromNs: bigint): boolean => left.every(({ returnNs }) => fromNs <= returnNs);
  const go = (after: ModelState | undefined, atNs: bigint, less: Partial<Point>): void => {
    if (after === undefined) return;
    next.push({ ...point, state: after, nowNs: atNs > nowNs ? atNs : nowNs, ...less });
  };
  for (const step of left) {
    const { action, operation, callNs, after } = step;
    if (!isTimely(callNs) || (after !== undefined && left.includes(after))) continue;
    const others = left.filter((one) => one !== step);
    go(effectOf(state, action, operation.client), callNs, { left: others });
  }
  if (unasked === 0) return next;
  const less = { unasked: unasked - 1 };
  for (const command of open) {
    if (!isTimely(command.callNs)) continue;
    const others = open.filter((one) => one !== command);
    const after = effectOf(state, command.action, command.operation.client);
    go(after, command.callNs, { ...less, open: others });
  }
  for (const { candidate, client, fromNs, untilNs, endedBy } of plan.mayEnter) {
    const isOver = endedBy !== undefined && !left.includes(endedBy);
    if (isOver || !isTimely(fromNs) || (untilNs ?? nowNs) < nowNs) continue;
    go(enter(state, candidate, client), fromNs, less);
  }
  for (const { candidate, client, fromNs, untilNs } of plan.mayLeave) {
    if (!isTimely(fromNs) || (untilNs ?? nowNs) < nowNs) continue;
    go(leaveUnasked(state, candidate, client), fromNs, less);
  }
  return next;
}
