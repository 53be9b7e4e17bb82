// SPDX-License-Identifier: Apache-2.0
/** Some numbers over the last minutes. The lines differ in their dashes too, and the legend says each value. */

import "uplot/dist/uPlot.min.css";
import type { VNode } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import { KEPT_MS } from "./samples.ts";

export interface Line {
  readonly label: string;
  /** As long as the times; null where it is not known. */
  readonly values: readonly (number | null)[];
}

const HEIGHT = 150;
const DASHES: readonly (readonly number[])[] = [[], [7, 4], [2, 3], [10, 3, 2, 3], [4, 4], [1, 5]];
const COLOURS = ["--accent", "--warn", "--good", "--bad", "--text", "--text-muted"];

export function LineChart(props: {
  readonly title: string;
  /** Behind each value in the legend. */
  readonly unit: string;
  /** Unix milliseconds. */
  readonly times: readonly number[];
  readonly lines: readonly Line[];
}): VNode {
  const { title, unit, times, lines } = props;
  const frame = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | undefined>(undefined);
  const shape = lines.map((line) => line.label).join();
  useLayoutEffect(() => {
    const element = frame.current;
    if (element === null) return;
    const drawn = new uPlot(
      optionsOf(element, lines.length),
      [[], ...lines.map(() => [])],
      element,
    );
    plot.current = drawn;
    const observer = new ResizeObserver(() => {
      drawn.setSize({ width: element.clientWidth, height: HEIGHT });
    });
    observer.observe(element);
    return () => {
      observer.disconnect();
      drawn.destroy();
      plot.current = undefined;
    };
  }, [shape]);
  useLayoutEffect(() => {
    const data = [times.map((ms) => ms / 1_000), ...lines.map((line) => [...line.values])];
    plot.current?.setData(data as uPlot.AlignedData);
  }, [times, shape]);
  return (
    <figure class="chart">
      <figcaption>{title}</figcaption>
      <ul class="legend">
        {lines.map((line, i) => (
          <li key={line.label}>
            <LegendMark place={i} />
            {line.label}: <span class="number">{lastText(line, unit)}</span>
          </li>
        ))}
      </ul>
      <div ref={frame} class="chart-frame" aria-hidden="true" />
    </figure>
  );
}

function LegendMark({ place }: { readonly place: number }): VNode {
  const dash = DASHES[place % DASHES.length]?.join(" ");
  return (
    <svg
      class={`legend-mark chart-line-${(place % COLOURS.length) + 1}`}
      width="24"
      height="8"
      aria-hidden="true"
    >
      <line x1="0" x2="24" y1="4" y2="4" stroke-dasharray={dash === "" ? undefined : dash} />
    </svg>
  );
}

function lastText(line: Line, unit: string): string {
  const last = line.values.at(-1) ?? null;
  return last === null ? "not known" : `${Number(last.toFixed(1))} ${unit}`;
}

/** Colours are read at each drawing, so that another theme is drawn in its own. */
function optionsOf(element: HTMLElement, count: number): uPlot.Options {
  const colour = (name: string) => (): string => getComputedStyle(element).getPropertyValue(name);
  const axis = {
    stroke: colour("--text-muted"),
    grid: { stroke: colour("--line"), width: 1 },
    ticks: { show: false },
    font: "11px system-ui, sans-serif",
  };
  return {
    width: Math.max(element.clientWidth, 100),
    height: HEIGHT,
    legend: { show: false },
    cursor: { show: false },
    scales: {
      x: { time: true, range: (_plot, _min, max) => [max - KEPT_MS / 1_000, max] },
      y: { range: (_plot, _min, max) => [0, Math.max(1, (max ?? 0) * 1.1)] },
    },
    axes: [
      { ...axis, values: "{HH}:{mm}", space: 70, size: 26 },
      { ...axis, size: 44 },
    ],
    series: [
      {},
      ...Array.from({ length: count }, (_, i) => ({
        stroke: colour(COLOURS[i % COLOURS.length] ?? ""),
        width: 2,
        dash: [...(DASHES[i % DASHES.length] ?? [])],
        points: { show: false },
      })),
    ],
  };
}
