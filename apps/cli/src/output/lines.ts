// SPDX-License-Identifier: Apache-2.0
/**
 * What people read while things happen: one line a state or change, the same words everywhere.
 *
 * `term 2  b leads  (a expired)  queue: c`
 */

import type { Change, View, ViewChange } from "@conclave/client";
import type { Colors } from "./colors.ts";

/** The state of one election. */
export function viewLine(view: View, colors: Colors): string {
  return [...office(view, colors), ...queue(view, colors)].join("  ");
}

export interface ChangeLines {
  /** The line for a change; undefined for what people need not see. */
  lineOf(change: Change): string | undefined;
}

/**
 * Lines for the changes of one watch, in their order. It remembers the last view of each election,
 * since whom a change was about is the difference between two of them.
 */
export function createChangeLines(isNamed: boolean, colors: Colors): ChangeLines {
  const seen = new Map<string, View>();
  const head = (view: View): readonly string[] => (isNamed ? [colors.bold(view.election)] : []);
  return {
    lineOf(change) {
      switch (change.type) {
        case "progress":
          return undefined;
        case "gap":
          seen.clear();
          return colors.yellow("some changes are no longer in the server's history; anew:");
        case "contact":
          return change.live
            ? colors.dim("live again")
            : colors.yellow("out of contact: may be old");
        case "snapshot":
          seen.set(change.view.election, change.view);
          return [...head(change.view), viewLine(change.view, colors)].join("  ");
        default: {
          const { view } = change;
          const why = `(${describeCause(change, seen.get(view.election))})`;
          seen.set(view.election, view);
          const parts = [...office(view, colors), colors.dim(why), ...queue(view, colors)];
          return [...head(view), ...parts].join("  ");
        }
      }
    },
  };
}

function office(view: View, colors: Colors): readonly string[] {
  const term = `term ${view.term}`;
  return view.leader === null
    ? [term, colors.yellow("vacant")]
    : [term, colors.green(`${view.leader.id} leads`)];
}

function queue(view: View, colors: Colors): readonly string[] {
  if (view.queue.length === 0) return [];
  return [colors.dim(`queue: ${view.queue.map((c) => c.id).join(", ")}`)];
}

/** Who and what: `a expired`, `b anointed: deploy 42`. */
function describeCause(change: ViewChange, before: View | undefined): string {
  const who = subjects(change, before);
  const what = change.reason === "" ? change.cause : `${change.cause}: ${change.reason}`;
  return who.length === 0 ? what : `${who.join(", ")} ${what}`;
}

function subjects(change: ViewChange, before: View | undefined): readonly string[] {
  if (before === undefined) return [];
  const was = candidatesOf(before);
  const is = candidatesOf(change.view);
  switch (change.cause) {
    case "entered":
      return is.filter((id) => !was.includes(id));
    case "anointed":
      return is.slice(0, 1);
    case "promoted":
      return firstMoved(is, was);
    case "demoted":
      return firstMoved(was, is);
    case "withdrawn":
    case "resigned":
    case "expired":
    case "disconnected":
    case "evicted":
      return was.filter((id) => !is.includes(id));
    default:
      return [];
  }
}

/** A swap of neighbours: the one that now stands where they first differ is the one that rose. */
function firstMoved(order: readonly string[], other: readonly string[]): readonly string[] {
  const moved = order.find((id, place) => id !== other[place]);
  return moved === undefined ? [] : [moved];
}

function candidatesOf(view: View): readonly string[] {
  return [...(view.leader === null ? [] : [view.leader]), ...view.queue].map((c) => c.id);
}
