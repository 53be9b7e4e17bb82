// SPDX-License-Identifier: Apache-2.0
/** The history of terms of one election, live: strip, legend and table. */

import type { View } from "@conclave/client";
import type { VNode } from "preact";
import { useEffect, useState } from "preact/hooks";
import type { App } from "../model/app.ts";
import { ErrorState, LoadingState } from "../ui/empty-state.tsx";
import { useShownTime } from "../ui/use-store.ts";
import { followHistory, type HistoryState, NOTHING_READ } from "./follow-history.ts";
import { recordView, type TermHistory } from "./term-history.ts";
import { TermTable } from "./term-table.tsx";
import type { TimelineRange } from "./timeline.ts";
import { TimelineStrip } from "./timeline-strip.tsx";

const RANGES: readonly (readonly [TimelineRange, string])[] = [
  ["recent", "Last terms"],
  ["10min", "10 min"],
  ["hour", "1 h"],
  ["day", "24 h"],
  ["all", "All"],
];

/** A long history is read in one go; drawing it twenty times a second is enough. */
const DRAW_EVERY_MS = 50;

export function HistoryCard(props: {
  readonly app: App;
  readonly namespace: string;
  readonly name: string;
  /** What the list knows, which may be more than history does. */
  readonly view: View | undefined;
}): VNode {
  const { app, namespace, name, view } = props;
  const [range, setRange] = useState<TimelineRange>("recent");
  const [state, retry] = useHistory(app, namespace, name);
  const nowMs = useShownTime(app);
  const history = view === undefined ? state.history : recordView(state.history, view, "history");
  return (
    <section class="card" aria-labelledby="history-title">
      <h2 id="history-title">History of terms</h2>
      {state.failure !== undefined && (
        <ErrorState
          title="The history cannot be followed"
          message={state.failure}
          onRetry={retry}
        />
      )}
      {!state.isLoaded && <LoadingState label="Reading the history …" />}
      {state.isLoaded && history.length === 0 && (
        <p class="muted">Nobody has led, as far as the servers remember.</p>
      )}
      {history.length > 0 && (
        <>
          <RangeChoice range={range} onChange={setRange} />
          <TimelineStrip history={history} range={range} nowMs={nowMs} />
          <p class="muted">
            {range === "recent" && "Bars are wide enough to be read, not to scale. "}
            {reachText(state, history)}
          </p>
          <TermTable history={history} nowMs={nowMs} />
        </>
      )}
    </section>
  );
}

function RangeChoice(props: {
  readonly range: TimelineRange;
  readonly onChange: (range: TimelineRange) => void;
}): VNode {
  return (
    <fieldset class="segments">
      <legend class="visually-hidden">How far back the timeline reaches</legend>
      {RANGES.map(([range, label]) => (
        <label key={range} class="segment">
          <input
            type="radio"
            name="range"
            checked={props.range === range}
            onChange={() => props.onChange(range)}
          />
          <span>{label}</span>
        </label>
      ))}
    </fieldset>
  );
}

function reachText(state: HistoryState, history: TermHistory): string {
  const isWhole = !state.isCutOff && history[0]?.cause !== "history";
  return isWhole
    ? "From the first term on. Times are by the servers' clocks."
    : "As far back as the servers remember: the last changes, since their last start. Times are by the servers' clocks.";
}

function useHistory(app: App, namespace: string, name: string): [HistoryState, () => void] {
  const [state, setState] = useState(NOTHING_READ);
  const [attempt, setAttempt] = useState(0);
  useEffect(() => {
    const ending = new AbortController();
    let latest = NOTHING_READ;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const draw = (): void => {
      timer = undefined;
      setState(latest);
    };
    setState(NOTHING_READ);
    const follow = async (): Promise<void> => {
      const election = await app.election(namespace, name);
      await followHistory(election, ending.signal, (told) => {
        latest = told;
        timer ??= setTimeout(draw, DRAW_EVERY_MS);
      });
    };
    void follow();
    return () => {
      ending.abort();
      clearTimeout(timer);
    };
  }, [app, namespace, name, attempt]);
  return [state, () => setAttempt((count) => count + 1)];
}
