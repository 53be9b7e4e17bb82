// SPDX-License-Identifier: Apache-2.0
/**
 * The history of one election's office: who led under which term, from when to when, and why each
 * time ended. A function of what a watch has told; it invents nothing, and where something was
 * missed it has a stretch that says so. Pure.
 */

import type { Cause, Change, View, ViewChange } from "@conclave/client";

/** Why a stretch began or ended. `history`: what the server still remembers begins, or goes on, here. */
export type SpanCause = Cause | "history";

export interface Span {
  readonly kind: "led" | "vacant" | "unknown";
  /** Of the leader, or the last one before a vacancy. */
  readonly term: bigint;
  /** Null where nobody is known to lead. */
  readonly leader: string | null;
  readonly instance: string | null;
  /** Unix milliseconds by the server's clock; null: before what is remembered. */
  readonly fromMs: number | null;
  /** Null: it goes on, or it is not known when it ended (`unknown` follows then). */
  readonly toMs: number | null;
  readonly cause: SpanCause;
  readonly reason: string;
}

/** The oldest first. Bounded: a history is for looking at. */
export type TermHistory = readonly Span[];

/** More than anybody reads, and few enough to keep for as long as the page is open. */
export const SPANS_MAX = 2_000;

export function recordChange(history: TermHistory, change: Change): TermHistory {
  switch (change.type) {
    case "snapshot":
      return recordView(history, change.view, "history");
    case "gap":
      return recordGap(history);
    case "elected":
    case "vacant":
      return recordOffice(history, change);
    case "queue":
    case "metadata":
      // What is first heard of an office may be a change of its queue.
      return history.length > 0 ? history : recordView(history, change.view, "history");
    default:
      return history;
  }
}

/** The same, brought up to the state that is known from elsewhere, such as a live list. */
export function recordView(history: TermHistory, view: View, cause: SpanCause): TermHistory {
  const last = history.at(-1);
  if (last !== undefined && isSame(last, view)) return history;
  // An election that never had a leader has no history yet.
  if (view.leader === null && view.term === 0n) return history;
  return opened(history, spanOf(view, cause, "", view.sinceMs));
}

function isSame(last: Span, view: View): boolean {
  if (last.term > view.term) return true;
  const kind = view.leader === null ? "vacant" : "led";
  return last.term === view.term && last.kind === kind;
}

function recordOffice(history: TermHistory, change: ViewChange): TermHistory {
  const { view, cause, reason, timeMs } = change;
  const last = history.at(-1);
  const isBehind = last !== undefined && isSame(last, view) && last.toMs === null;
  if (isBehind) return history;
  const isMissed = last !== undefined && view.term > last.term + 1n;
  const before = isMissed ? recordGap(history) : history;
  return opened(before, spanOf(view, cause, reason, timeMs ?? view.sinceMs));
}

/** Something is not known from here on, until the next thing told. */
function recordGap(history: TermHistory): TermHistory {
  const last = history.at(-1);
  if (last === undefined || last.kind === "unknown") return history;
  const { term } = last;
  const nobody = { leader: null, instance: null, fromMs: null, toMs: null };
  return bounded([...history, { kind: "unknown", term, ...nobody, cause: "history", reason: "" }]);
}

function opened(history: TermHistory, span: Span): TermHistory {
  const last = history.at(-1);
  if (last === undefined) return [span];
  // A stretch that began again after what was missed is the old one, seen again.
  const earlier = history.at(-2);
  const isSeenAgain =
    last.kind === "unknown" && earlier !== undefined && isOneStretch(earlier, span);
  if (isSeenAgain) return history.slice(0, -1);
  return bounded([...history.slice(0, -1), { ...last, toMs: span.fromMs }, span]);
}

function isOneStretch(a: Span, b: Span): boolean {
  return a.kind === b.kind && a.term === b.term && a.toMs === null;
}

function bounded(history: TermHistory): TermHistory {
  return history.length > SPANS_MAX ? history.slice(history.length - SPANS_MAX) : history;
}

function spanOf(view: View, cause: SpanCause, reason: string, fromMs: number | null): Span {
  return {
    kind: view.leader === null ? "vacant" : "led",
    term: view.term,
    leader: view.leader?.id ?? null,
    instance: view.leader?.instance ?? null,
    fromMs,
    toMs: null,
    cause,
    reason,
  };
}
