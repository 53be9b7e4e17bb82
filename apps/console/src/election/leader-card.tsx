// SPDX-License-Identifier: Apache-2.0
/** Who leads, since when, and how sure that is. */

import type { View } from "@conclave/client";
import type { VNode } from "preact";
import type { App } from "../model/app.ts";
import { dateText } from "../model/durations.ts";
import { sessionHash } from "../model/route.ts";
import { EmptyState } from "../ui/empty-state.tsx";
import { Icon } from "../ui/icon.tsx";
import { Since } from "../ui/since.tsx";
import { LeaseBar } from "./lease-bar.tsx";
import { MetadataTable } from "./metadata-table.tsx";

export function LeaderCard(props: { readonly app: App; readonly view: View }): VNode {
  const { app, view } = props;
  const { leader, sinceMs } = view;
  if (leader === null) return <VacantCard view={view} />;
  return (
    <section class="card" aria-labelledby="leader-title">
      <h2 id="leader-title">Leader</h2>
      <p class="leader-name">
        <Icon name="crown" />
        <span class="name">{leader.id}</span>
      </p>
      <dl class="facts">
        <dt>Term</dt>
        <dd class="number">{String(view.term)}</dd>
        <dt>Instance</dt>
        <dd>
          <a class="code" href={sessionHash(leader.instance)}>
            {leader.instance}
          </a>
        </dd>
        <dt>Held for</dt>
        <dd>{sinceMs === null ? "not known" : <Since app={app} atMs={sinceMs} />}</dd>
        <dt>Since</dt>
        <dd class="number">{sinceMs === null ? "not known" : dateText(sinceMs)}</dd>
        <dt>Lease</dt>
        <dd>
          <LeaseBar app={app} election={view.election} instance={leader.instance} />
        </dd>
      </dl>
      <h3>Metadata of the leader</h3>
      <MetadataTable metadata={leader.metadata} label={`Metadata of ${leader.id}`} />
    </section>
  );
}

function VacantCard({ view }: { readonly view: View }): VNode {
  return (
    <section class="card" aria-labelledby="leader-title">
      <h2 id="leader-title">Leader</h2>
      <EmptyState icon="vacant" title="Nobody leads">
        <p>
          {view.term === 0n
            ? "This election has never had a leader."
            : `The last term was ${view.term}; the next leader gets ${view.term + 1n}.`}
        </p>
      </EmptyState>
    </section>
  );
}
