// SPDX-License-Identifier: Apache-2.0
/**
 * What a KeepAlive of S1 acknowledges, as the log is told it: every number up to its
 * `last_input_sequence_num` that its filter does not hold (semantics 4.2.2). Pure.
 */

import type { Acknowledged, AcknowledgeS1 } from "@conclave/fsm";
import type { NumberFilter } from "./s1-filter.ts";

export interface KeptAlive {
  readonly sessionId: bigint;
  /** The highest number such that all from 1 on have been started. */
  readonly lastInput: number;
  readonly filter: NumberFilter;
}

/** How many numbers one KeepAlive looks at; what lies above them waits for the next. */
const TESTED_MAX = 65_536;

/**
 * Undefined where it changes nothing.
 *
 * @param openMax how many numbers may stay open. One number in twenty looks open and is not, and
 *   does so for as long as the client has the same ones open, a watch for instance; so when there
 *   are more, the oldest are taken for answered. They are refused if they come again, never executed.
 */
export function acknowledgementOf(
  { sessionId, lastInput, filter }: KeptAlive,
  before: Acknowledged,
  openMax: number,
): AcknowledgeS1 | undefined {
  const number = Math.max(before.through, Math.min(lastInput, before.through + TESTED_MAX));
  const open = before.open.filter((each) => each > lastInput || filter.has(each));
  for (let each = before.through + 1; each <= number; each++) if (filter.has(each)) open.push(each);
  const kept = open.slice(-openMax);
  const isChanged = number > before.through || kept.length < before.open.length;
  return isChanged ? { kind: "acknowledge-s1", sessionId, number, open: kept } : undefined;
}
