// SPDX-License-Identifier: Apache-2.0
/** Bars and ticks of a history. */
import { expect, test } from "vitest";
import type { Span } from "./term-history.ts";
import { type TimelineRange, timelineOf } from "./timeline.ts";

function led(term: number, fromMs: number | null, toMs: number | null): Span {
  const who = { leader: "a", instance: "00", reason: "", cause: "entered" } as const;
  return { kind: "led", term: BigInt(term), ...who, fromMs, toMs };
}

function bars(history: readonly Span[], range: TimelineRange, nowMs: number): string[] {
  return timelineOf(history, range, nowMs, 1_000).bars.map(
    (b) => `${b.span.term} ${Math.round(b.x)}+${Math.round(b.width)}${b.isCut ? " cut" : ""}`,
  );
}

test("bars follow each other to scale, and the last one reaches to now", () => {
  const history = [led(1, 0, 60_000), led(2, 60_000, 90_000), led(3, 90_000, null)];
  expect(bars(history, "all", 100_000)).toEqual(["1 0+600", "2 600+300", "3 900+100"]);
});

test("what ended before the strip begins is left out, what began before it is cut", () => {
  const history = [led(1, 0, 100_000), led(2, 100_000, 900_000), led(3, 900_000, null)];
  expect(bars(history, "10min", 1_200_000)).toEqual(["2 0+500 cut", "3 500+500"]);
});

test("a stretch too short to be seen is as wide as can be seen, and never beyond the end", () => {
  const history = [led(1, 0, 99_999), led(2, 99_999, null)];
  expect(bars(history, "all", 100_000)).toEqual(["1 0+1000", "2 997+3"]);
});

test("a server's clock that is ahead of the page's moves the end of the strip", () => {
  expect(timelineOf([led(1, 5_000, 9_000), led(2, 9_000, null)], "all", 1_000, 100).toMs).toBe(
    9_000,
  );
});

test("the last stretches are as wide as their labels at least, and fill the strip", () => {
  const history = Array.from({ length: 30 }, (_, i) => led(i, i * 10, (i + 1) * 10));
  const { bars: shown, ticks } = timelineOf(
    [...history, led(30, 300, null)],
    "recent",
    60_000,
    1_000,
  );
  expect(shown.map((bar) => Number(bar.span.term))).toEqual([
    21, 22, 23, 24, 25, 26, 27, 28, 29, 30,
  ]);
  expect(Math.min(...shown.map((bar) => bar.width))).toBeGreaterThanOrEqual(92);
  expect(shown.reduce((x, bar) => (bar.x === x ? x + bar.width : Number.NaN), 0)).toBeCloseTo(
    1_000,
  );
  expect(ticks.map((tick) => tick.timeMs)).toEqual(shown.map((bar) => bar.span.fromMs));
});

test("on a narrow strip fewer of the last stretches are shown", () => {
  const history = [led(1, 0, 10), led(2, 10, 20), led(3, 20, null)];
  expect(timelineOf(history, "recent", 100, 200).bars.map((bar) => bar.span.term)).toEqual([
    2n,
    3n,
  ]);
  expect(timelineOf(history, "recent", 100, 50).bars).toMatchObject([{ x: 0, width: 50 }]);
});

test("an election of which nothing is known has a strip without bars", () => {
  expect(timelineOf([], "recent", 60_000, 300)).toMatchObject({ bars: [], toMs: 60_000 });
});

test("ticks stand at round times and are not crowded", () => {
  const { ticks } = timelineOf([led(1, 7_000, null)], "all", 67_000, 600);
  expect(ticks.map((t) => t.timeMs)).toEqual([30_000, 60_000]);
});
