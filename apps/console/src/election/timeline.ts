// SPDX-License-Identifier: Apache-2.0
/**
 * Where the stretches of a history stand on a strip of so many pixels. Arithmetic only.
 */

import type { Span, TermHistory } from "./term-history.ts";

/**
 * `recent`: the last stretches, each as wide as its label at least, so that none is to scale. The
 * others are to scale.
 */
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
  /** Which part of its label stands at `x`. */
  readonly anchor: "start" | "middle" | "end";
}

export interface Timeline {
  readonly fromMs: number;
  readonly toMs: number;
  readonly bars: readonly Bar[];
  readonly ticks: readonly Tick[];
}

/** Holds the longest of the usual causes, and the time of day. */
const LABEL_PX = 92;
/** Narrower, a bar could not be seen. */
const WIDTH_MIN = 3;
const TICK_EVERY_PX = 110;
/** Nearer to an edge a label that stands in the middle of its tick would be cut. */
const EDGE_PX = 34;

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
  if (range === "recent") return recentOf(history, toMs, width);
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

function startOf(
  history: TermHistory,
  range: Exclude<TimelineRange, "recent">,
  toMs: number,
): number {
  if (range !== "all") return toMs - RANGE_MS[range];
  return history.find((span) => span.fromMs !== null)?.fromMs ?? toMs - 60_000;
}

/** What room the labels leave is shared out by length. */
function recentOf(history: TermHistory, toMs: number, width: number): Timeline {
  const count = Math.min(history.length, Math.max(1, Math.floor(width / LABEL_PX)));
  const shown = history.slice(history.length - count);
  const lengths = shown.map((span, i) => {
    const endMs = span.toMs ?? shown[i + 1]?.fromMs ?? toMs;
    return span.fromMs === null ? 0 : Math.max(0, endMs - span.fromMs);
  });
  const wholeMs = Math.max(
    1,
    lengths.reduce((sum, length) => sum + length, 0),
  );
  const least = Math.min(LABEL_PX, width);
  const spare = width - least * count;
  const bars: Bar[] = [];
  const ticks: Tick[] = [];
  let x = 0;
  for (const [i, span] of shown.entries()) {
    const wide = least + (spare * (lengths[i] ?? 0)) / wholeMs;
    bars.push({ span, x, width: wide, isCut: span.fromMs === null });
    if (span.fromMs !== null) ticks.push({ x, timeMs: span.fromMs, anchor: "start" });
    x += wide;
  }
  const fromMs = shown.find((span) => span.fromMs !== null)?.fromMs ?? toMs;
  return { fromMs, toMs, bars, ticks };
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
    const x = ((timeMs - fromMs) / (toMs - fromMs)) * width;
    ticks.push({
      timeMs,
      x,
      anchor: x > width - EDGE_PX ? "end" : x < EDGE_PX ? "start" : "middle",
    });
    if (ticks.length > width / TICK_EVERY_PX + 2) break;
  }
  return ticks;
}
