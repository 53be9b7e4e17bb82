// SPDX-License-Identifier: Apache-2.0
/** Everything that has happened since the page was opened, newest first, to look through and to keep. */

import type { VNode } from "preact";
import { useMemo, useState } from "preact/hooks";
import "../styles/details.css";
import "../styles/events.css";
import { CAUSES } from "../election/causes.ts";
import { toCsv, toJson } from "../events/export.ts";
import { filterChanges } from "../events/filter-changes.ts";
import { saveAs } from "../events/save-as.ts";
import type { App } from "../model/app.ts";
import type { LoggedChange } from "../model/change-log.ts";
import { clockText, dateText } from "../model/durations.ts";
import { electionHash, hashOf, type Route, withQuery } from "../model/route.ts";
import { EmptyState, ErrorState, LoadingState } from "../ui/empty-state.tsx";
import { FilterBox } from "../ui/filter-box.tsx";
import { Icon } from "../ui/icon.tsx";
import { useStore } from "../ui/use-store.ts";
import { useIsNarrow } from "../ui/use-viewport.ts";
import { type Column, WindowList } from "../ui/window-list.tsx";

type EventsRoute = Extract<Route, { readonly screen: "events" }>;

interface ScreenProps {
  readonly app: App;
  readonly route: EventsRoute;
}

export function EventsScreen({ app, route }: ScreenProps): VNode {
  const live = useStore(app.changes);
  const [held, setHeld] = useState<readonly LoggedChange[]>();
  const { q: text = "", ns: namespace = "", cause = "" } = route.query;
  const log = held ?? live;
  const shown = useMemo(
    () => filterChanges(log, { text, namespace, cause }),
    [log, text, namespace, cause],
  );
  const change = (query: Route["query"]): void => app.replace(hashOf(withQuery(route, query)));
  const missed = held === undefined ? 0 : (live.at(-1)?.id ?? 0) - (held.at(-1)?.id ?? 0);
  return (
    <div class="screen screen-fills">
      <div class="screen-head">
        <h1>Events</h1>
        <p class="muted" role="status">
          {held === undefined ? `${shown.length} shown` : `Paused; ${missed} more since`}
        </p>
        <div class="screen-tools events-tools">
          <FilterBox
            label="Filter by name or reason"
            value={text}
            onChange={(q) => change({ q })}
          />
          <Choices {...{ app, namespace, cause, change }} />
          <PauseButton
            isPaused={held !== undefined}
            onToggle={() => setHeld(held ? undefined : live)}
          />
          <ExportButtons app={app} shown={shown} />
        </div>
      </div>
      <EventTable {...{ app, route, shown }} isEmpty={log.length === 0} />
    </div>
  );
}

function Choices(props: {
  readonly app: App;
  readonly namespace: string;
  readonly cause: string;
  readonly change: (query: Route["query"]) => void;
}): VNode {
  const { namespaces } = useStore(props.app.elections);
  const { namespace, cause, change } = props;
  const all =
    namespace === "" || namespaces.includes(namespace) ? namespaces : [...namespaces, namespace];
  return (
    <>
      <label class="choice">
        <span class="visually-hidden">Namespace</span>
        <select value={namespace} onChange={(event) => change({ ns: event.currentTarget.value })}>
          <option value="">All namespaces</option>
          {all.map((name) => (
            <option key={name} value={name}>
              {name}
            </option>
          ))}
        </select>
      </label>
      <label class="choice">
        <span class="visually-hidden">Cause</span>
        <select value={cause} onChange={(event) => change({ cause: event.currentTarget.value })}>
          <option value="">All causes</option>
          {Object.entries(CAUSES)
            .filter(([one]) => one !== "history")
            .map(([one, { label }]) => (
              <option key={one} value={one}>
                {label}
              </option>
            ))}
        </select>
      </label>
    </>
  );
}

function PauseButton(props: { readonly isPaused: boolean; readonly onToggle: () => void }): VNode {
  const { isPaused, onToggle } = props;
  return (
    <button type="button" class="button" aria-pressed={isPaused} onClick={onToggle}>
      <Icon name={isPaused ? "play" : "pause"} />
      {isPaused ? "Go on" : "Pause"}
    </button>
  );
}

function ExportButtons(props: {
  readonly app: App;
  readonly shown: readonly LoggedChange[];
}): VNode {
  const { app, shown } = props;
  const save = (kind: "json" | "csv"): void => {
    const name = `conclave-events.${kind}`;
    const oldestFirst = [...shown].reverse();
    if (kind === "json") saveAs(name, "application/json", toJson(oldestFirst));
    else saveAs(name, "text/csv", toCsv(oldestFirst));
    app.notify("done", `${shown.length} events were saved as ${name}.`);
  };
  return (
    <>
      {(["json", "csv"] as const).map((kind) => (
        <button
          key={kind}
          type="button"
          class="button"
          disabled={shown.length === 0}
          onClick={() => save(kind)}
        >
          <Icon name="save" />
          {kind.toUpperCase()}
        </button>
      ))}
    </>
  );
}

function EventTable(
  props: ScreenProps & { readonly shown: readonly LoggedChange[]; readonly isEmpty: boolean },
): VNode {
  const { app, route, shown, isEmpty } = props;
  const link = useStore(app.link);
  const isNarrow = useIsNarrow();
  if (shown.length > 0) {
    return (
      <WindowList
        kind="events"
        label="Events, newest first"
        items={shown}
        columns={COLUMNS}
        keyOf={({ id }) => String(id)}
        rowHeight={isNarrow ? 92 : 44}
        onOpen={(event) => {
          if (event.kind === "change") app.navigate(electionHash(event.namespace, event.name));
        }}
      />
    );
  }
  if (!isEmpty) {
    return (
      <EmptyState icon="search" title="No event is like this">
        <button
          type="button"
          class="button"
          onClick={() => app.replace(hashOf({ ...route, query: {} }))}
        >
          Show all
        </button>
      </EmptyState>
    );
  }
  if (link.kind === "connecting" && link.failure !== undefined) {
    return (
      <ErrorState
        title="No node answers"
        message={`${link.failure}. The console goes on trying.`}
      />
    );
  }
  if (link.kind === "connecting") return <LoadingState label="Connecting …" />;
  return (
    <EmptyState icon="events" title="Nothing has happened yet">
      <p>
        Every change of any election appears here from the moment on at which the page was opened.
      </p>
      <p>What was before is in the history of each election.</p>
    </EmptyState>
  );
}

const COLUMNS: readonly Column<LoggedChange>[] = [
  { key: "election", label: "Election", render: electionCell },
  { key: "time", label: "Time", render: timeCell },
  { key: "cause", label: "Cause", render: causeCell },
  { key: "leader", label: "Leader", render: leaderCell },
  {
    key: "term",
    label: "Term",
    render: (event) =>
      event.kind === "gap" ? "" : <span class="number">{String(event.term)}</span>,
  },
  {
    key: "reason",
    label: "Reason",
    render: (event) =>
      event.kind === "gap" ? "" : <span title={event.reason}>{event.reason}</span>,
  },
];

function electionCell(event: LoggedChange): VNode {
  if (event.kind === "gap") return <em>Some changes were missed here ({event.namespace})</em>;
  const { namespace, name } = event;
  return (
    <span title={`${namespace}/${name}`}>
      <a href={electionHash(namespace, name)} tabIndex={-1}>
        {name}
      </a>
      {namespace !== "default" && <small class="muted"> {namespace}</small>}
    </span>
  );
}

function timeCell(event: LoggedChange): VNode {
  const ms = event.kind === "change" ? (event.timeMs ?? event.receivedMs) : event.receivedMs;
  return (
    <time class="number" dateTime={new Date(ms).toISOString()} title={dateText(ms)}>
      {clockText(ms)}
    </time>
  );
}

function causeCell(event: LoggedChange): VNode | string {
  if (event.kind === "gap") return "";
  const { icon, label, hue } = CAUSES[event.cause];
  return (
    <span class={`cause hue-${hue}`}>
      <Icon name={icon} />
      {label}
    </span>
  );
}

function leaderCell(event: LoggedChange): VNode | string {
  if (event.kind === "gap") return "";
  const before = event.leaderBefore?.id ?? "nobody";
  const after = event.leaderAfter?.id ?? "nobody";
  const isSame = event.type === "queue" || event.type === "metadata";
  if (isSame) return <span class="muted">{after}, as before</span>;
  return (
    <span title={`${before}, then ${after}`}>
      {before} <span aria-hidden="true">→</span>
      <span class="visually-hidden">, then</span> <strong>{after}</strong>
    </span>
  );
}
