// SPDX-License-Identifier: Apache-2.0
/** What may happen next in a state, the likeliest first: whatever leads towards the next answer. */

import { enter, leaveUnasked, type ModelState, takeOver } from "./election-model.ts";
import type { Step } from "./plan.ts";
import type { Move, Progress } from "./progress.ts";
import { effectOf, mayBeRefused } from "./step-effect.ts";

export function movesFrom(progress: Progress, state: ModelState): readonly Move[] {
  const moves = [...steps(progress, state), ...opens(progress, state), ...unasked(progress, state)];
  const target = progress.target;
  if (moves.length < 2 || target === undefined) return moves;
  const rated = moves.map((move) => ({ move, distance: distance(move.state, target) }));
  return rated.sort((a, b) => a.distance - b.distance).map(({ move }) => move);
}

function steps(progress: Progress, state: ModelState): readonly Move[] {
  return progress.callable().flatMap((step): Move[] => {
    const { action, operation, request, callNs: atNs } = step;
    const fate = progress.fateOf(request);
    // Whoever asks again under a request id is told what the first was told.
    if (fate !== undefined && (fate === "refused") !== step.isReading) return [];
    const after = fate === undefined ? effectOf(state, action, operation.client) : state;
    return after === undefined ? [] : [{ kind: "step", step, state: after, atNs }];
  });
}

function opens(progress: Progress, state: ModelState): readonly Move[] {
  return progress.plan.openCommands.flatMap((command): Move[] => {
    const { action, operation, request, callNs: atNs } = command;
    if (progress.isOpenDone(command) || progress.fateOf(request) !== undefined) return [];
    if (!isWithin(progress, atNs, undefined)) return [];
    const open = { kind: "open", command, atNs } as const;
    const moves: Move[] = [];
    const after = effectOf(state, action, operation.client);
    // One that changes nothing may as well never happen, unless its request id answers another by it.
    const isIdle = after === state && request === undefined;
    if (after !== undefined && !isIdle) moves.push({ ...open, state: after, isRefused: false });
    const isTold = progress.isShared(request) && mayBeRefused(state, action);
    if (isTold) moves.push({ ...open, state, isRefused: true });
    return moves;
  });
}

function unasked(progress: Progress, state: ModelState): readonly Move[] {
  const moves: Move[] = [];
  for (const campaign of progress.plan.mayEnter) {
    const { candidate, client, fromNs, untilNs, endedBy, takesOver } = campaign;
    if (!isWithin(progress, fromNs, untilNs)) continue;
    if (endedBy !== undefined && progress.isDone(endedBy)) continue;
    const taken = takesOver ? takeOver(state, candidate, client) : undefined;
    const after = taken ?? enter(state, candidate, client);
    if (after !== undefined) moves.push({ kind: "unasked", state: after, atNs: fromNs });
  }
  for (const { candidate, client, fromNs, untilNs } of progress.plan.mayLeave) {
    if (!isWithin(progress, fromNs, untilNs)) continue;
    const after = leaveUnasked(state, candidate, client);
    if (after !== undefined) moves.push({ kind: "unasked", state: after, atNs: fromNs });
  }
  return moves;
}

function isWithin(progress: Progress, fromNs: bigint, untilNs: bigint | undefined): boolean {
  const { latestNs, nowNs } = progress;
  return (latestNs === undefined || fromNs <= latestNs) && (untilNs ?? nowNs) >= nowNs;
}

/** How much is still different where the answer says what it was like. */
function distance(state: ModelState, { action }: Step): number {
  if (action.kind === "led") {
    const isLeader = state.queue[0]?.name === action.candidate;
    return Number(action.term - state.term) + (isLeader ? 0 : 1);
  }
  if (action.kind === "fence") return Number(action.term - state.term);
  if (action.kind !== "seen") return 0;
  const { candidates, term } = action.view;
  const names = state.queue.map(({ name }) => name);
  const missing = candidates.filter((name) => !names.includes(name)).length;
  const extra = names.filter((name) => !candidates.includes(name)).length;
  const misplaced = candidates.filter((name, i) => names[i] !== name).length;
  return 4 * (missing + extra) + misplaced + Number(term - state.term);
}
