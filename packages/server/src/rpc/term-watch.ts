// SPDX-License-Identifier: Apache-2.0
/**
 * A watch of one election as the dialects S1 to S4 have it: the state when it begins, then the whole
 * state after each change of the leader or the list, none left out.
 *
 * It lives in this node's memory and cannot be resumed: whoever loses it opens another (semantics A3).
 * These protocols have no word for a node that is cut off, and so knows nothing new: a watch there ends
 * once the grace is over in which another node may have let its caller's session go.
 */

import { assert, type CancelTimer } from "@conclave/base";
import type { Change, PrimitiveKey, TermView } from "@conclave/fsm";
import type { WatchEvent } from "../replica/watch.ts";
import {
  type DialectFailure,
  dialectErrorOf,
  dialectFailure,
  failureOfDialectWatch,
} from "./dialect-failure.ts";
import type { DialectName } from "./dialect-options.ts";
import type { DialectServices } from "./dialect-service.ts";
import { termViewOf } from "./term-view.ts";

const TAKEN_MAX = 256;

const CUT_OFF: DialectFailure = dialectFailure(
  "unavailable",
  "this node is cut off from the others, open the stream at another one",
);

/**
 * Throws what ends it from the server's side.
 *
 * @param signal ends it without a word: the caller has gone, or its session has.
 * @param closing ends it once all that happened before is told.
 */
export async function* watchTerms(
  { node, clock, options }: DialectServices,
  key: PrimitiveKey,
  dialect: DialectName,
  signal: AbortSignal,
  closing?: AbortSignal,
): AsyncGenerator<TermView> {
  let isReady = false;
  let wake = (): void => {};
  const ready = (): void => {
    isReady = true;
    wake();
  };
  const target = { kind: "names", keys: [key] } as const;
  let isCutOff = false;
  let cancelTimer: CancelTimer = () => {};
  const contactChanged = (hasQuorum: boolean): void => {
    cancelTimer();
    if (hasQuorum) return;
    cancelTimer = clock.setTimer(options.graceMs, () => {
      isCutOff = true;
      ready();
    });
  };
  const watching = node.watch({ target, resume: undefined, withBase: false, ready });
  // Not left to `finally`: a caller that resets the stream while it is behind leaves us at a `yield`
  // to which nobody returns.
  const leave = (): void => {
    cancelTimer();
    closing?.removeEventListener("abort", ready);
    node.unwatch(watching);
    ready();
  };
  signal.addEventListener("abort", leave);
  closing?.addEventListener("abort", ready);
  if (signal.aborted) leave();
  let term: TermView | undefined;
  try {
    while (!signal.aborted) {
      if (!isReady) await new Promise<void>((resolve) => (wake = resolve));
      isReady = false;
      const isLast = closing?.aborted === true;
      const taken: TermView[] = [];
      watching.take((event) => {
        if (event.kind === "contact") contactChanged(event.hasQuorum);
        const next = termAfter(term, event);
        if (next === undefined) return true;
        term = next;
        return taken.push(next) < TAKEN_MAX;
      });
      yield* taken;
      if (isCutOff) throw dialectErrorOf(CUT_OFF, dialect);
      if (watching.ended !== undefined) {
        throw dialectErrorOf(failureOfDialectWatch(watching.ended), dialect);
      }
      if (isLast && taken.length < TAKEN_MAX) return;
    }
  } finally {
    signal.removeEventListener("abort", leave);
    leave();
  }
}

/** What an event shows, if it shows anything that was not so before. */
function termAfter(term: TermView | undefined, event: WatchEvent): TermView | undefined {
  if (event.kind === "snapshot") return termViewOf(event.view);
  if (event.kind !== "change") return undefined;
  assert(term !== undefined, "a snapshot comes before the first change");
  return changed(term, event.change);
}

/** Undefined where only metadata, or the session of a waiting candidate, has changed. */
function changed(before: TermView, change: Change): TermView | undefined {
  const { cause, joined, left, moved, term, termBefore, timeMs } = change;
  // A name that is created again reports 0 until it is led again.
  if (cause === "deleted") return { term: 0n, candidates: [] };
  const hasNewTerm = term > termBefore;
  if (!hasNewTerm && joined.length + left.length + moved.length === 0) return undefined;
  const gone = new Set([...left, ...moved].map(({ candidate }) => candidate.name));
  const candidates = before.candidates.filter((name) => !gone.has(name));
  const placed = [...joined, ...moved].sort((a, b) => a.position - b.position);
  for (const { candidate, position } of placed) candidates.splice(position, 0, candidate.name);
  // A Restore may raise the term of an office that nobody holds.
  const sinceMs = hasNewTerm && candidates.length > 0 ? timeMs : before.sinceMs;
  return {
    term: hasNewTerm ? term : before.term,
    ...(sinceMs === undefined ? {} : { sinceMs }),
    changedMs: timeMs,
    candidates,
  };
}
