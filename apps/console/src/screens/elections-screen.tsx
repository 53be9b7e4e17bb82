// SPDX-License-Identifier: Apache-2.0
/** All elections, those that need somebody to look at them first. */

import type { VNode } from "preact";
import { useMemo } from "preact/hooks";
import "../styles/elections.css";
import type { App } from "../model/app.ts";
import { countStates, filterOf, orderedRows } from "../model/election-order.ts";
import {
  type ElectionRow,
  type ElectionState,
  type ElectionsState,
  keyOf,
  stateOf,
} from "../model/election-row.ts";
import { electionHash, hashOf, type Route, withQuery } from "../model/route.ts";
import { EmptyState, ErrorState, LoadingState } from "../ui/empty-state.tsx";
import { FilterBox } from "../ui/filter-box.tsx";
import { Icon } from "../ui/icon.tsx";
import { Since } from "../ui/since.tsx";
import { StateBadge } from "../ui/state-badge.tsx";
import { useStore } from "../ui/use-store.ts";
import { useIsNarrow } from "../ui/use-viewport.ts";
import { type Column, WindowList } from "../ui/window-list.tsx";

type ElectionsRoute = Extract<Route, { screen: "elections" }>;

interface ScreenProps {
  readonly app: App;
  readonly route: ElectionsRoute;
}

const ROW_HEIGHT = 44;
/** On two lines. */
const NARROW_ROW_HEIGHT = 76;

export function ElectionsScreen({ app, route }: ScreenProps): VNode {
  const state = useStore(app.elections);
  const filter = filterOf(route.query);
  const shown = useMemo(
    () => orderedRows(state.rows.values(), filter),
    [state, filter.text, filter.namespace, filter.state],
  );
  const change = (query: Route["query"]): void => app.replace(hashOf(withQuery(route, query)));
  return (
    <div class="screen screen-fills">
      <div class="screen-head">
        <h1>Elections</h1>
        <StateChips
          state={state}
          chosen={filter.state}
          onChoose={(one) => change({ state: one })}
        />
        <div class="screen-tools">
          <FilterBox
            label="Filter by name or leader"
            value={filter.text}
            onChange={(q) => change({ q })}
          />
          <NamespaceChoice
            namespaces={state.namespaces}
            chosen={filter.namespace}
            onChoose={(ns) => change({ ns })}
          />
        </div>
      </div>
      <ElectionTable {...{ app, route, state, shown }} />
    </div>
  );
}

const CHIPS: readonly { readonly state: ElectionState; readonly label: string }[] = [
  { state: "vacant", label: "vacant" },
  { state: "alone", label: "without standby" },
  { state: "led", label: "led" },
];

/** How many there are of each, which also chooses them. */
function StateChips(props: {
  readonly state: ElectionsState;
  readonly chosen: ElectionState | "";
  readonly onChoose: (state: ElectionState | "") => void;
}): VNode {
  const { state, chosen, onChoose } = props;
  const counts = useMemo(() => countStates(state.rows.values()), [state]);
  const { size } = state.rows;
  const isPartial = state.expected !== undefined && !state.isLoaded && size > 0;
  return (
    <fieldset class="chips">
      <legend class="visually-hidden">Show only</legend>
      {CHIPS.map(({ state: one, label }) => (
        <button
          key={one}
          type="button"
          class={`chip chip-${one}`}
          aria-pressed={chosen === one}
          onClick={() => onChoose(chosen === one ? "" : one)}
        >
          <Icon name={one} />
          <span>
            <strong class="number">{counts[one].toLocaleString("en")}</strong> {label}
          </span>
        </button>
      ))}
      {isPartial && (
        <span class="chips-note" role="status">
          {size.toLocaleString("en")} of {state.expected?.toLocaleString("en")} loaded
        </span>
      )}
    </fieldset>
  );
}

function NamespaceChoice(props: {
  readonly namespaces: readonly string[];
  readonly chosen: string;
  readonly onChoose: (namespace: string) => void;
}): VNode {
  const { namespaces, chosen, onChoose } = props;
  // A namespace that the address names is a choice even where nothing is in it.
  const known = chosen === "" || namespaces.includes(chosen) ? namespaces : [...namespaces, chosen];
  return (
    <label class="choice">
      <span class="visually-hidden">Namespace</span>
      <select value={chosen} onChange={(event) => onChoose(event.currentTarget.value)}>
        <option value="">All namespaces</option>
        {known.map((namespace) => (
          <option key={namespace} value={namespace}>
            {namespace}
          </option>
        ))}
      </select>
    </label>
  );
}

function ElectionTable(
  props: ScreenProps & {
    readonly state: ElectionsState;
    readonly shown: readonly ElectionRow[];
  },
): VNode {
  const { app, route, state, shown } = props;
  const link = useStore(app.link);
  const isNarrow = useIsNarrow();
  const columns = useMemo(() => columnsFor(app), [app]);
  if (shown.length > 0) {
    return (
      <WindowList
        kind="elections"
        label="Elections"
        items={shown}
        columns={columns}
        keyOf={({ namespace, name }) => keyOf(namespace, name)}
        rowHeight={isNarrow ? NARROW_ROW_HEIGHT : ROW_HEIGHT}
        onOpen={({ namespace, name }) => app.navigate(electionHash(namespace, name))}
      />
    );
  }
  if (state.rows.size > 0) {
    return (
      <EmptyState icon="search" title="No election is like this">
        <p>{state.rows.size.toLocaleString("en")} elections are hidden by the filters.</p>
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
  if (link.kind === "stale") {
    return (
      <EmptyState icon="stale" title="No elections are known">
        <p>Whether there are any is seen as soon as the cluster can be reached again.</p>
      </EmptyState>
    );
  }
  if (!state.isLoaded) return <LoadingState label="Loading the elections…" />;
  return (
    <EmptyState icon="elections" title="There are no elections yet">
      <p>One appears here as soon as a candidate enters it, for example from a shell:</p>
      <pre>conclave campaign demo</pre>
    </EmptyState>
  );
}

function columnsFor(app: App): readonly Column<ElectionRow>[] {
  return [
    {
      key: "name",
      label: "Election",
      // The grid has the focus: a link in it is for the mouse, and for opening another tab.
      render: ({ namespace, name }) => (
        <a href={electionHash(namespace, name)} tabIndex={-1} title={name}>
          {name}
        </a>
      ),
    },
    { key: "namespace", label: "Namespace", render: ({ namespace }) => namespace },
    { key: "state", label: "State", render: ({ view }) => <StateBadge state={stateOf(view)} /> },
    {
      key: "leader",
      label: "Leader",
      render: ({ view }) =>
        view.leader === null ? (
          <span class="muted">nobody</span>
        ) : (
          <span title={`${view.leader.id}, instance ${view.leader.instance}`}>
            {view.leader.id}
          </span>
        ),
    },
    {
      key: "term",
      label: "Term",
      render: ({ view }) => <span class="number">{view.term.toString()}</span>,
    },
    {
      key: "held",
      label: "Held for",
      render: ({ view }) =>
        view.sinceMs === null ? (
          <span class="muted">–</span>
        ) : (
          <Since app={app} atMs={view.sinceMs} />
        ),
    },
    {
      key: "standbys",
      label: "Standbys",
      render: ({ view }) => <Standbys view={view} />,
    },
  ];
}

function Standbys({ view }: { readonly view: ElectionRow["view"] }): VNode {
  const { queue } = view;
  const [next] = queue;
  if (next === undefined) return <span class="muted">none</span>;
  return (
    <span title={`next: ${next.id}`}>
      <span class="number">{queue.length}</span> <span class="muted">next {next.id}</span>
    </span>
  );
}
