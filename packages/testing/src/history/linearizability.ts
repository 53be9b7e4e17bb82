// SPDX-License-Identifier: Apache-2.0
/**
 * Whether what clients were answered can be told as one story: every operation took effect at one
 * moment between its start and its end (O6). Elections are independent, so each is judged by itself.
 */

import { explain } from "./explain.ts";
import type { History, MayLeave, Operation } from "./operation.ts";
import { planOf } from "./plan.ts";
import { findOrder } from "./search.ts";

export type Verdict =
  | { readonly kind: "linearizable" }
  /** Lines for people: the operations that contradict each other, and how far an order leads. */
  | {
      readonly kind: "not-linearizable";
      readonly election: string;
      readonly why: readonly string[];
    }
  /** Gave up. Says nothing either way. */
  | { readonly kind: "unknown"; readonly election: string };

/** @param movesMax how much is tried for each election; ten thousand moves take about a second. */
export function judgeHistory(history: History, movesMax = 100_000): Verdict {
  let unknown: Verdict | undefined;
  for (const [election, part] of byElection(history)) {
    const found = findOrder(planOf(part), movesMax);
    if (found.kind === "gave-up") unknown ??= { kind: "unknown", election };
    if (found.kind === "not-ordered") {
      return { kind: "not-linearizable", election, why: explain(part, found.deepest) };
    }
  }
  return unknown ?? { kind: "linearizable" };
}

function byElection({ operations, mayLeave, ...rest }: History): Map<string, History> {
  const parts = new Map<string, History & { operations: Operation[]; mayLeave: MayLeave[] }>();
  for (const operation of operations) {
    const { election } = operation;
    const part = parts.get(election) ?? { ...rest, operations: [], mayLeave: [] };
    parts.set(election, part);
    part.operations.push(operation);
  }
  for (const one of mayLeave) parts.get(one.election)?.mayLeave.push(one);
  return parts;
}
