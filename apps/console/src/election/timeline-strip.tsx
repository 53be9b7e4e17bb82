// SPDX-License-Identifier: Apache-2.0
/**
 * The history of terms as a strip: a bar for each stretch of office, hatched where nobody led. Each
 * bar is labelled where there is room, and the table below says the same in words.
 */

import type { VNode } from "preact";
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { clockText, dateText, durationText } from "../model/durations.ts";
import { CAUSES } from "./causes.ts";
import type { Span, TermHistory } from "./term-history.ts";
import { type Bar, type Tick, type TimelineRange, timelineOf } from "./timeline.ts";

const HEIGHT = 84;
const BAR_TOP = 6;
const BAR_HEIGHT = 48;
/** What one letter of a label takes, roughly: it is cut by its bar all the same. */
const LETTER_PX = 6.6;
/** A cause that is cut is still told from the others by so many letters. */
const CAUSE_LETTERS_MIN = 7;

export function TimelineStrip(props: {
  readonly history: TermHistory;
  readonly range: TimelineRange;
  readonly nowMs: number;
}): VNode {
  const { history, range, nowMs } = props;
  const frame = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(0);
  useLayoutEffect(() => {
    const element = frame.current;
    if (element === null) return;
    const measure = (): void => setWidth(element.clientWidth);
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  return (
    <div ref={frame} class="timeline">
      {width > 0 && <Strip {...{ history, range, nowMs, width }} />}
    </div>
  );
}

function Strip(props: {
  readonly history: TermHistory;
  readonly range: TimelineRange;
  readonly nowMs: number;
  readonly width: number;
}): VNode {
  const { history, range, nowMs, width } = props;
  const timeline = timelineOf(history, range, nowMs, width);
  const spanMs = timeline.toMs - timeline.fromMs;
  const label = `Timeline: ${timeline.bars.length} stretches in the last ${durationText(spanMs)}; the table below lists them.`;
  return (
    <svg
      role="img"
      aria-label={label}
      width={width}
      height={HEIGHT}
      viewBox={`0 0 ${width} ${HEIGHT}`}
    >
      <defs>
        <pattern id="hatch" width="6" height="6" patternUnits="userSpaceOnUse">
          <path class="hatch" d="M0 6 6 0M-1.5 1.5 1.5-1.5M4.5 7.5 7.5 4.5" />
        </pattern>
      </defs>
      {timeline.ticks.map((tick) => (
        <TickMark key={tick.x} tick={tick} isLong={spanMs > 86_400_000} />
      ))}
      {timeline.bars.map((bar) => (
        <BarMark key={`${bar.span.kind} ${bar.span.term} ${bar.span.fromMs}`} bar={bar} />
      ))}
    </svg>
  );
}

function TickMark(props: { readonly tick: Tick; readonly isLong: boolean }): VNode {
  const { x, timeMs, anchor } = props.tick;
  return (
    <g class="tick">
      <line x1={x} x2={x} y1={0} y2={HEIGHT - 20} />
      <text x={x} y={HEIGHT - 5} text-anchor={anchor}>
        {props.isLong ? dateText(timeMs).slice(5, 16) : clockText(timeMs)}
      </text>
    </g>
  );
}

function BarMark({ bar }: { readonly bar: Bar }): VNode {
  const { span, x, width } = bar;
  const look = CAUSES[span.cause];
  // A nested drawing cuts its labels at its own edges.
  return (
    <svg
      class={`bar bar-${span.kind} hue-${look.hue}`}
      x={x}
      y={BAR_TOP}
      width={width}
      height={BAR_HEIGHT}
    >
      <title>{spanText(span)}</title>
      <rect class="bar-fill" width={width} height={BAR_HEIGHT} rx={3} />
      {span.kind !== "led" && <rect fill="url(#hatch)" width={width} height={BAR_HEIGHT} />}
      {labelsOf(span, width).map((text, line) => (
        <text key={text} x={5} y={20 + line * 18} class={line === 0 ? "bar-title" : "bar-cause"}>
          {text}
        </text>
      ))}
    </svg>
  );
}

/** Only what can be read: a term first, then who, then why. */
function labelsOf(span: Span, width: number): readonly string[] {
  const letters = Math.floor((width - 8) / LETTER_PX);
  const cause = CAUSES[span.cause].label;
  if (span.kind !== "led") {
    const word = span.kind === "vacant" ? "vacant" : "not known";
    if (letters < word.length) return [];
    const isNamed = span.kind === "vacant" && letters >= CAUSE_LETTERS_MIN;
    return isNamed ? [word, shortened(cause, letters)] : [word];
  }
  const term = String(span.term);
  if (letters < term.length) return [];
  const named = `${term} ${span.leader}`;
  const title = letters >= term.length + 3 ? shortened(named, letters) : term;
  return letters >= CAUSE_LETTERS_MIN ? [title, shortened(cause, letters)] : [title];
}

function shortened(text: string, letters: number): string {
  return text.length <= letters ? text : `${text.slice(0, letters - 1)}…`;
}

/** A stretch in one sentence, for tooltips. */
function spanText(span: Span): string {
  const from = span.fromMs === null ? "" : ` from ${dateText(span.fromMs)}`;
  const to = span.toMs === null ? "" : ` to ${dateText(span.toMs)}`;
  const why = span.cause === "history" ? "" : `: ${CAUSES[span.cause].label}`;
  const reason = span.reason === "" ? "" : `, “${span.reason}”`;
  const who = {
    led: `Term ${span.term}, ${span.leader}`,
    vacant: `Vacant after term ${span.term}`,
    unknown: "Not known",
  }[span.kind];
  return `${who}${from}${to}${why}${reason}`;
}
