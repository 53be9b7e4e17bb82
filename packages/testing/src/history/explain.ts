// SPDX-License-Identifier: Apache-2.0
/**
 * Says which operations contradict each other, in as few of them as a bounded search finds: the
 * shortest beginning of the history that cannot be ordered, without the readings that it can spare.
 */

import { stateText } from "./election-model.ts";
import type { History, Operation } from "./operation.ts";
import { planOf } from "./plan.ts";
import { type Deepest, findOrder } from "./search.ts";
import { operationText } from "./text.ts";

const MOVES_MAX = 20_000;
/** Operations shown of what could be ordered. */
const SHOWN = 12;

/** @param history of one election, which cannot be ordered. @param deepest of the whole of it. */
export function explain(history: History, deepest: Deepest): readonly string[] {
  const prefix = shortestPrefix(history);
  const spare = withoutSpare(prefix);
  const found = findOrder(planOf(spare), MOVES_MAX, false);
  const shown = found.kind === "not-ordered" ? found.deepest : deepest;
  const placed = shown.order.map(({ operation }) => operation);
  // By when they began: stale readings fit any past, and would hide all others.
  const blocked = [...new Set(shown.blocked.map(({ operation }) => operation))].sort((a, b) =>
    a.startNs < b.startNs ? -1 : 1,
  );
  return [
    `${spare.operations.length} operations cannot be ordered; the last of those that can:`,
    ...[...new Set(placed)].slice(-SHOWN).map((operation) => `  ${operationText(operation)}`),
    `then it was ${stateText(shown.state)}, and none of these fits:`,
    ...blocked.slice(0, SHOWN).map((operation) => `  ${operationText(operation)}`),
  ];
}

/** What of a history had happened by then; what had not ended has no answer yet. */
function until(history: History, ns: bigint): History {
  const operations = history.operations.flatMap((operation): Operation[] => {
    if (operation.startNs > ns) return [];
    const isOver = operation.endNs !== undefined && operation.endNs <= ns;
    return [isOver ? operation : { ...operation, endNs: undefined, result: undefined }];
  });
  return { ...history, operations };
}

function shortestPrefix(history: History): History {
  const ends = history.operations
    .flatMap(({ endNs }) => (endNs === undefined ? [] : [endNs]))
    .sort((a, b) => (a < b ? -1 : 1));
  let low = 0;
  let high = ends.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (isBroken(until(history, ends[middle]!))) high = middle;
    else low = middle + 1;
  }
  const end = ends[high];
  const prefix = end === undefined ? history : until(history, end);
  return isBroken(prefix) ? prefix : history;
}

/** Readings can be left out of a history without breaking it, so what is left is still broken. */
function withoutSpare(history: History): History {
  let kept = history;
  const readings = history.operations.filter(
    ({ call }) => call.kind === "get" || call.kind === "check-fence",
  );
  // Halves first, then quarters: most of a long history has nothing to do with it.
  for (let size = readings.length; size >= 1; size = Math.floor(size / 2)) {
    for (let at = 0; at < readings.length; at += size) {
      const out = new Set(readings.slice(at, at + size));
      const operations = kept.operations.filter((operation) => !out.has(operation));
      if (operations.length === kept.operations.length) continue;
      const less = { ...kept, operations };
      if (isBroken(less)) kept = less;
    }
    if (size <= readings.length / 64) break;
  }
  return kept;
}

function isBroken(history: History): boolean {
  return findOrder(planOf(history), MOVES_MAX).kind === "not-ordered";
}
