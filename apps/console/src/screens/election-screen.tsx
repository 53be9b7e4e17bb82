// SPDX-License-Identifier: Apache-2.0
/** One election: who leads, who comes next, what happened, and how to move it. */

import type { View } from "@conclave/client";
import type { VNode } from "preact";
import { useCallback, useState } from "preact/hooks";
import "../styles/details.css";
import "../styles/election.css";
import { CandidateList } from "../election/candidate-list.tsx";
import { DeleteDialog } from "../election/delete-dialog.tsx";
import { FenceCard } from "../election/fence-card.tsx";
import { HistoryCard } from "../election/history-card.tsx";
import { LeaderCard } from "../election/leader-card.tsx";
import { VerbDialog } from "../election/verb-dialog.tsx";
import { consequenceOf, type Verb } from "../election/verbs.ts";
import type { App } from "../model/app.ts";
import { keyOf, stateOf } from "../model/election-row.ts";
import { hashOf, type Route } from "../model/route.ts";
import { EmptyState, ErrorState, LoadingState } from "../ui/empty-state.tsx";
import { Icon } from "../ui/icon.tsx";
import { StateBadge } from "../ui/state-badge.tsx";
import { useStore } from "../ui/use-store.ts";

interface Asked {
  readonly verb: Verb | "delete";
  readonly candidate: string;
}

export function ElectionScreen(props: {
  readonly app: App;
  readonly route: Extract<Route, { readonly screen: "election" }>;
}): VNode {
  const { app, route } = props;
  const { namespace, name } = route;
  const elections = useStore(app.elections);
  const link = useStore(app.link);
  const view = elections.rows.get(keyOf(namespace, name))?.view;
  return (
    <div class="screen screen-election">
      <ElectionHead {...{ namespace, name, view }} />
      {view !== undefined ? (
        <ElectionBody key={keyOf(namespace, name)} {...{ app, namespace, view }} />
      ) : elections.isLoaded ? (
        <Missing {...{ app, namespace, name }} />
      ) : link.kind === "connecting" && link.failure !== undefined ? (
        <ErrorState title="No node answers" message={link.failure} />
      ) : (
        <LoadingState label={`Asking for ${name} …`} />
      )}
    </div>
  );
}

function ElectionHead(props: {
  readonly namespace: string;
  readonly name: string;
  readonly view: View | undefined;
}): VNode {
  const back = hashOf({ screen: "elections", query: {} });
  return (
    <header class="screen-head">
      <a class="back" href={back}>
        <Icon name="back" />
        All elections
      </a>
      <h1 class="name">{props.name}</h1>
      <p class="screen-facts">
        <span>
          in namespace <span class="name">{props.namespace}</span>
        </span>
        {props.view && <StateBadge state={stateOf(props.view)} />}
        {props.view && <span class="muted">revision {String(props.view.revision)}</span>}
      </p>
    </header>
  );
}

function ElectionBody(props: {
  readonly app: App;
  readonly namespace: string;
  readonly view: View;
}): VNode {
  const { app, namespace, view } = props;
  const [asked, setAsked] = useState<Asked>();
  const close = useCallback(() => setAsked(undefined), []);
  const ask = (verb: Verb, candidate: string): void => {
    const consequence = consequenceOf(verb, candidate, view);
    if (consequence.kind === "none") app.notify("info", consequence.why);
    else setAsked({ verb, candidate });
  };
  return (
    <>
      <div class="election-columns">
        <LeaderCard app={app} view={view} />
        <CandidateList view={view} onVerb={ask} />
      </div>
      <HistoryCard {...{ app, namespace, name: view.election, view }} />
      <FenceCard namespace={namespace} name={view.election} term={view.term} />
      <section class="card" aria-labelledby="delete-title">
        <h2 id="delete-title">Delete</h2>
        <p>Removes the election with all its candidates. Its terms are never issued again.</p>
        <button
          type="button"
          class="button button-danger"
          onClick={() => setAsked({ verb: "delete", candidate: "" })}
        >
          <Icon name="trash" />
          Delete the election …
        </button>
      </section>
      {asked?.verb === "delete" && <DeleteDialog {...{ app, namespace, view }} onClose={close} />}
      {asked !== undefined && asked.verb !== "delete" && (
        <VerbDialog
          {...{ app, namespace, view }}
          verb={asked.verb}
          candidate={asked.candidate}
          onClose={close}
        />
      )}
    </>
  );
}

/** It is not there, or not any more: what the servers remember of it may still be read. */
function Missing(props: {
  readonly app: App;
  readonly namespace: string;
  readonly name: string;
}): VNode {
  return (
    <>
      <EmptyState icon="vacant" title="There is no such election">
        <p>
          It has been deleted, or nobody has entered it yet. It appears here when somebody does.
        </p>
      </EmptyState>
      <HistoryCard {...props} view={undefined} />
    </>
  );
}
