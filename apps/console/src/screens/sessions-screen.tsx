// SPDX-License-Identifier: Apache-2.0
/** The sessions behind the candidates: what each leads and waits for, and how long it may be silent. */

import type { VNode } from "preact";
import { useMemo } from "preact/hooks";
import "../styles/details.css";
import "../styles/sessions.css";
import { lengthText, secondsText } from "../election/lease-bar.tsx";
import type { App } from "../model/app.ts";
import { hashOf, type Route, sessionHash, withQuery } from "../model/route.ts";
import { readSessions, type SessionsRead } from "../sessions/read-sessions.ts";
import { SessionDetail } from "../sessions/session-detail.tsx";
import {
  candidatesText,
  matchesSession,
  remainingOf,
  type SessionRow,
  type Standing,
  sessionRows,
} from "../sessions/session-rows.ts";
import { EmptyState, ErrorState, LoadingState } from "../ui/empty-state.tsx";
import { FilterBox } from "../ui/filter-box.tsx";
import { Icon } from "../ui/icon.tsx";
import { type Polled, usePoll } from "../ui/use-poll.ts";
import { useStore } from "../ui/use-store.ts";
import { useIsNarrow } from "../ui/use-viewport.ts";
import { type Column, WindowList } from "../ui/window-list.tsx";

type SessionsRoute = Extract<Route, { readonly screen: "sessions" | "session" }>;

const EVERY_MS = 5_000;
/** Of one partition: each time they are asked for is work for its leader. */
const SESSIONS_MAX = 1_000;

export function SessionsScreen(props: { readonly app: App; readonly route: SessionsRoute }): VNode {
  const { app, route } = props;
  if (route.screen === "session") {
    return <SessionDetail key={route.instance} app={app} instance={route.instance} />;
  }
  return <SessionList app={app} route={route} />;
}

function SessionList(props: {
  readonly app: App;
  readonly route: Extract<Route, { readonly screen: "sessions" }>;
}): VNode {
  const { app, route } = props;
  const elections = useStore(app.elections);
  const polled = usePoll("sessions", EVERY_MS, () => readSessions(app.cluster, "", SESSIONS_MAX));
  const { q: text = "" } = route.query;
  const rows = useMemo(
    () => sessionRows(elections.rows.values(), polled.value?.registrations ?? []),
    [elections, polled.value],
  );
  const shown = useMemo(() => rows.filter((row) => matchesSession(row, text)), [rows, text]);
  const change = (q: string): void => app.replace(hashOf(withQuery(route, { q })));
  const isLoaded = elections.isLoaded && polled.value !== undefined;
  return (
    <div class="screen screen-fills">
      <div class="screen-head">
        <h1>Sessions</h1>
        <p class="muted" role="status">
          {countText(rows.length, shown.length, isLoaded)}
        </p>
        <div class="screen-tools">
          <FilterBox label="Filter by name or label" value={text} onChange={change} />
        </div>
        <ReadNote polled={polled} />
      </div>
      {shown.length > 0 ? (
        <SessionTable app={app} rows={shown} />
      ) : rows.length > 0 ? (
        <EmptyState icon="search" title="No session is like this">
          <button type="button" class="button" onClick={() => change("")}>
            Show all
          </button>
        </EmptyState>
      ) : isLoaded ? (
        <EmptyState icon="sessions" title="There are no sessions">
          <p>A process that campaigns has one, for as long as it is heard from.</p>
        </EmptyState>
      ) : polled.failure !== undefined ? (
        <ErrorState title="No node answers" message={polled.failure} onRetry={polled.retry} />
      ) : (
        <LoadingState label="Asking every partition …" />
      )}
    </div>
  );
}

function countText(all: number, shown: number, isLoaded: boolean): string {
  const count = shown === all ? `${all}` : `${shown} of ${all}`;
  return isLoaded || all > 0 ? `${count} shown` : "";
}

/** What is not in the table, and why. */
function ReadNote({ polled }: { readonly polled: Polled<SessionsRead> }): VNode | null {
  const { value, failure } = polled;
  const notes: string[] = [];
  if (failure !== undefined && value !== undefined) notes.push(`Times are old: ${failure}.`);
  const { silent = [], truncated = [] } = value ?? {};
  if (silent.length > 0) notes.push(`Partition ${silent.join(", ")} gives no answer.`);
  if (truncated.length > 0) {
    notes.push(
      `Of partition ${truncated.join(", ")} only the first ${SESSIONS_MAX} times are read.`,
    );
  }
  if (notes.length === 0) return null;
  return (
    <p class="stale-note" role="status">
      <Icon name="info" />
      {notes.join(" ")}
    </p>
  );
}

function SessionTable(props: { readonly app: App; readonly rows: readonly SessionRow[] }): VNode {
  const { app, rows } = props;
  const isNarrow = useIsNarrow();
  return (
    <WindowList
      kind="sessions"
      label="Sessions"
      items={rows}
      columns={COLUMNS}
      keyOf={({ instance }) => instance}
      rowHeight={isNarrow ? 92 : 44}
      onOpen={({ instance }) => app.navigate(sessionHash(instance))}
    />
  );
}

const COLUMNS: readonly Column<SessionRow>[] = [
  {
    key: "candidate",
    label: "Candidates",
    render: (row) => {
      const names = candidatesText(row);
      if (names === "") return <span class="muted">stands in no election</span>;
      return <span title={names}>{names}</span>;
    },
  },
  {
    key: "instance",
    label: "Instance",
    render: ({ instance }) => (
      <a class="code" href={sessionHash(instance)} tabIndex={-1}>
        {instance}
      </a>
    ),
  },
  { key: "leads", label: "Leads", render: ({ leads }) => standingsText(leads) },
  { key: "waits", label: "Waits for", render: ({ waits }) => standingsText(waits) },
  {
    key: "ttl",
    label: "TTL",
    render: ({ registrations: [first] }) => (
      <span class="number">{first === undefined ? "–" : lengthText(first.ttlMs)}</span>
    ),
  },
  {
    key: "remaining",
    label: "Remaining",
    render: (row) => {
      const ms = remainingOf(row);
      return <span class="number">{ms === null ? "not known" : `${secondsText(ms)}`}</span>;
    },
  },
  { key: "labels", label: "Labels", render: ({ registrations }) => labelsText(registrations) },
];

function standingsText(standings: readonly Standing[]): VNode {
  const [first] = standings;
  if (first === undefined) return <span class="muted">nothing</span>;
  const more = standings.length > 1 ? ` and ${standings.length - 1} more` : "";
  return (
    <span
      title={standings
        .slice(0, 20)
        .map(({ name }) => name)
        .join(", ")}
    >
      {first.name}
      {more}
    </span>
  );
}

function labelsText([first]: SessionRow["registrations"]): VNode {
  const text = Object.entries(first?.labels ?? {})
    .map(([key, value]) => `${key}=${value}`)
    .join(", ");
  return text === "" ? <span class="muted">none</span> : <span title={text}>{text}</span>;
}
