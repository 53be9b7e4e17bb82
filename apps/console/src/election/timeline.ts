// SPDX-License-Identifier: Apache-2.0
/**
 * Where the stretches of a history stand on a strip of so many pixels. Arithmetic only.
 */

import type { Span, TermHistory } from "./term-history.ts";

/** `recent`: the last stretches, whatever time they took. */
export type TimelineRange = "recent" | "10min" | "hour" | "day" | "all";

export interface Bar {
  readonly span: Span;
  readonly x: number;
  readonly width: number;
  /** It began before the strip does. */
  readonly isCut: boolean;
}

export interface Tick {
  readonly x: number;
  readonly timeMs: number;
}

export interface Timeline {
  readonly fromMs: number;
  readonly toMs: number;
  readonly bars: readonly Bar[];
  readonly ticks: readonly Tick[];
}

/** Stretches that `recent` has room for: a label fits each of them if they are alike in length. */
const RECENT_COUNT = 10;
/** Narrower, a bar could not be seen. */
const WIDTH_MIN = 3;
const TICK_EVERY_PX = 110;

const RANGE_MS: Readonly<Record<"10min" | "hour" | "day", number>> = {
  "10min": 600_000,
  hour: 3_600_000,
  day: 86_400_000,
};

export function timelineOf(
  history: TermHistory,
  range: TimelineRange,
  nowMs: number,
  width: number,
): Timeline {
  const toMs = endOf(history, nowMs);
  const fromMs = Math.min(startOf(history, range, toMs), toMs - 1_000);
  const scale = width / (toMs - fromMs);
  const bars: Bar[] = [];
  for (const [i, span] of history.entries()) {
    const endMs = span.toMs ?? history[i + 1]?.fromMs ?? toMs;
    if (endMs <= fromMs) continue;
    // What began at an unknown time began, at the latest, where the stretch before it was last heard of.
    const startMs = span.fromMs ?? history[i - 1]?.fromMs ?? fromMs;
    const isCut = startMs < fromMs || span.fromMs === null;
    const left = (Math.max(startMs, fromMs) - fromMs) * scale;
    const wide = Math.max((endMs - fromMs) * scale - left, WIDTH_MIN);
    bars.push({ span, x: Math.min(left, width - WIDTH_MIN), width: wide, isCut });
  }
  return { fromMs, toMs, bars, ticks: ticksOf(fromMs, toMs, width) };
}

/** Clocks of server and browser may differ: the strip ends at the later of what both have said. */
function endOf(history: TermHistory, nowMs: number): number {
  return history.reduce((end, span) => Math.max(end, span.fromMs ?? end, span.toMs ?? end), nowMs);
}

function startOf(history: TermHistory, range: TimelineRange, toMs: number): number {
  if (range !== "recent" && range !== "all") return toMs - RANGE_MS[range];
  const shown = range === "all" ? history : history.slice(-RECENT_COUNT);
  const first = shown.find((span) => span.fromMs !== null)?.fromMs ?? toMs - 60_000;
  return first;
}

/** From a second to a month; the first that leaves room for its labels is taken. */
const STEPS_MS: readonly number[] = [
  1_000, 2_000, 5_000, 10_000, 30_000, 60_000, 120_000, 300_000, 600_000, 1_800_000, 3_600_000,
  7_200_000, 21_600_000, 43_200_000, 86_400_000, 172_800_000, 604_800_000, 2_592_000_000,
];

function ticksOf(fromMs: number, toMs: number, width: number): Tick[] {
  const leastMs = ((toMs - fromMs) * TICK_EVERY_PX) / width;
  const stepMs = STEPS_MS.find((step) => step >= leastMs) ?? (STEPS_MS.at(-1) as number);
  const ticks: Tick[] = [];
  for (let timeMs = Math.ceil(fromMs / stepMs) * stepMs; timeMs <= toMs; timeMs += stepMs) {
    ticks.push({ timeMs, x: ((timeMs - fromMs) / (toMs - fromMs)) * width });
    if (ticks.length > width / TICK_EVERY_PX + 2) break;
  }
  return ticks;
}
