// SPDX-License-Identifier: Apache-2.0
/**
 * Exactly once for the numbered commands of one session (semantics A3).
 *
 * Three disciplines share one cache: native and S1 numbers are a set above what was acknowledged,
 * applied in the order of the log; S0 numbers are executed strictly one after the other.
 */

import { assert } from "@conclave/base";
import type { Reply } from "./reply.ts";

export interface Answers {
  /** Numbers up to this one are answered, except those in `open`. */
  acknowledged: number;
  /** S1: numbers at or below `acknowledged` that its filter still holds open. */
  open: Set<number>;
  /** S0: the last number executed or given up. */
  last: number;
  /** By number, in the order of execution. */
  readonly replies: Map<number, Reply>;
}

/** How a number stands: to be executed, answered before, or refused. */
export type Standing =
  | { readonly kind: "fresh" }
  | { readonly kind: "answered"; readonly reply: Reply }
  | {
      readonly kind: "refused";
      readonly reason: "already_answered" | "too_many_unacknowledged" | "out_of_order";
    };

const FRESH: Standing = { kind: "fresh" };
const ALREADY_ANSWERED: Standing = { kind: "refused", reason: "already_answered" };
const TOO_MANY: Standing = { kind: "refused", reason: "too_many_unacknowledged" };
const OUT_OF_ORDER: Standing = { kind: "refused", reason: "out_of_order" };

export function createAnswers(): Answers {
  return { acknowledged: 0, open: new Set(), last: 0, replies: new Map() };
}

/** How a native or S1 number stands. */
export function standingInSet(
  answers: Answers,
  number: number,
  unacknowledgedMax: number,
): Standing {
  const reply = answers.replies.get(number);
  if (reply !== undefined) return { kind: "answered", reply };
  if (number <= answers.acknowledged && !answers.open.has(number)) return ALREADY_ANSWERED;
  return answers.replies.size >= unacknowledgedMax ? TOO_MANY : FRESH;
}

/**
 * How an S0 number stands. A number that was given up is as one answered long ago.
 *
 * @param last the last number executed or given up, those included that go with this one.
 */
export function standingInOrder(
  answers: Answers,
  number: number,
  last: number,
  unacknowledgedMax: number,
): Standing {
  const reply = answers.replies.get(number);
  if (reply !== undefined) return { kind: "answered", reply };
  if (number <= last) return ALREADY_ANSWERED;
  if (number > last + 1) return OUT_OF_ORDER;
  return answers.replies.size >= unacknowledgedMax ? TOO_MANY : FRESH;
}

export function remember(answers: Answers, number: number, reply: Reply): void {
  assert(!answers.replies.has(number), "E9: a number is executed at most once");
  answers.replies.set(number, reply);
  answers.last = Math.max(answers.last, number);
}

/** Forgets the replies up to a number. The watermark never falls. */
export function acknowledge(answers: Answers, through: number): void {
  if (through <= answers.acknowledged) return;
  // A client may jump far ahead, so the walk is over the shorter of the range and the cache.
  if (through - answers.acknowledged <= answers.replies.size) {
    for (let n = answers.acknowledged + 1; n <= through; n++) answers.replies.delete(n);
  } else {
    for (const n of answers.replies.keys()) if (n <= through) answers.replies.delete(n);
  }
  answers.acknowledged = through;
}

/**
 * S1: forgets those up to a number that are not open. What is closed once never opens again, and of
 * what lies above the number, which a KeepAlive that was overtaken may have, nothing is said.
 */
export function acknowledgeExcept(
  answers: Answers,
  through: number,
  open: ReadonlySet<number>,
): void {
  const stillOpen = [...answers.open].filter((n) => n > through || open.has(n));
  const newlyOpen = [...open].filter((n) => n > answers.acknowledged && n <= through);
  answers.open = new Set([...stillOpen, ...newlyOpen].sort((a, b) => a - b));
  answers.acknowledged = Math.max(answers.acknowledged, through);
  for (const n of answers.replies.keys()) {
    if (n <= answers.acknowledged && !answers.open.has(n)) answers.replies.delete(n);
  }
}
