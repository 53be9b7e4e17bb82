// SPDX-License-Identifier: Apache-2.0
/** One session: what it leads and waits for, and how long each partition will wait for it. */

import type { VNode } from "preact";
import { useMemo } from "preact/hooks";
import { lengthText, RemainingBar } from "../election/lease-bar.tsx";
import { MetadataTable } from "../election/metadata-table.tsx";
import type { App } from "../model/app.ts";
import { electionHash, hashOf } from "../model/route.ts";
import { EmptyState, ErrorState, LoadingState } from "../ui/empty-state.tsx";
import { Icon } from "../ui/icon.tsx";
import { usePoll } from "../ui/use-poll.ts";
import { useStore } from "../ui/use-store.ts";
import { readSessions } from "./read-sessions.ts";
import {
  candidatesText,
  type Registration,
  type SessionRow,
  type Standing,
  sessionRow,
} from "./session-rows.ts";

const EVERY_MS = 1_000;

export function SessionDetail(props: { readonly app: App; readonly instance: string }): VNode {
  const { app, instance } = props;
  const elections = useStore(app.elections);
  const polled = usePoll(instance, EVERY_MS, () => readSessions(app.cluster, instance, 1));
  const row = useMemo(
    () => sessionRow(instance, elections.rows.values(), polled.value?.registrations ?? []),
    [elections, polled.value, instance],
  );
  const isLoaded = elections.isLoaded && (polled.value ?? polled.failure) !== undefined;
  return (
    <div class="screen screen-session">
      <header class="screen-head">
        <a class="back" href={hashOf({ screen: "sessions", query: {} })}>
          <Icon name="back" />
          All sessions
        </a>
        <h1>
          Session <span class="code">{instance}</span>
        </h1>
        {row !== undefined && <p class="muted">{candidatesText(row)}</p>}
      </header>
      {row !== undefined ? (
        <SessionBody row={row} isOld={polled.failure !== undefined} />
      ) : isLoaded && polled.failure === undefined ? (
        <EmptyState icon="sessions" title="There is no such session">
          <p>It has ended, or stands in no election that this page may see.</p>
        </EmptyState>
      ) : polled.failure !== undefined ? (
        <ErrorState title="No node answers" message={polled.failure} onRetry={polled.retry} />
      ) : (
        <LoadingState label="Asking every partition …" />
      )}
    </div>
  );
}

function SessionBody(props: { readonly row: SessionRow; readonly isOld: boolean }): VNode {
  const { row, isOld } = props;
  const labels = row.registrations[0]?.labels ?? {};
  return (
    <>
      <div class="session-columns">
        <Standings title="Leads" standings={row.leads} none="It leads nothing." />
        <Standings title="Waits for" standings={row.waits} none="It waits for nothing." />
      </div>
      <section class="card" aria-labelledby="lease-title">
        <h2 id="lease-title">Leases</h2>
        {row.registrations.length === 0 ? (
          <p class="muted">Not known at the moment.</p>
        ) : (
          <LeaseTable registrations={row.registrations} isOld={isOld} />
        )}
      </section>
      <section class="card" aria-labelledby="labels-title">
        <h2 id="labels-title">Labels</h2>
        <MetadataTable metadata={labels} label="Labels of the session" />
      </section>
    </>
  );
}

function Standings(props: {
  readonly title: string;
  readonly standings: readonly Standing[];
  readonly none: string;
}): VNode {
  const { title, standings, none } = props;
  const id = `standings-${title.toLowerCase().replaceAll(" ", "-")}`;
  return (
    <section class="card" aria-labelledby={id}>
      <h2 id={id}>
        {title} <span class="muted number">{standings.length}</span>
      </h2>
      {standings.length === 0 && <p class="muted">{none}</p>}
      <ul class="standings">
        {standings.slice(0, STANDINGS_MAX).map((standing) => (
          <li key={`${standing.namespace} ${standing.name} ${standing.candidate}`}>
            <a class="name" href={electionHash(standing.namespace, standing.name)}>
              {standing.name}
            </a>{" "}
            <span class="muted">
              as {standing.candidate}, {placeText(standing)}
            </span>
          </li>
        ))}
      </ul>
      {standings.length > STANDINGS_MAX && (
        <p class="muted">
          and {standings.length - STANDINGS_MAX} more; the elections can be filtered.
        </p>
      )}
    </section>
  );
}

/** A page of links is read; ten thousand are not. */
const STANDINGS_MAX = 200;

function placeText({ position, term }: Standing): string {
  return position === 0 ? `term ${term}` : `place ${position}`;
}

function LeaseTable(props: {
  readonly registrations: readonly Registration[];
  readonly isOld: boolean;
}): VNode {
  return (
    <table class="table leases">
      <caption class="visually-hidden">Leases of the session</caption>
      <thead>
        <tr>
          <th scope="col">Partition</th>
          <th scope="col">Ends unless renewed</th>
          <th scope="col">TTL</th>
          <th scope="col">Disconnect grace</th>
        </tr>
      </thead>
      <tbody>
        {props.registrations.map((registration) => (
          <tr key={registration.partition}>
            <th scope="row">Partition {registration.partition}</th>
            <td data-label="Ends unless renewed">
              <RemainingBar session={registration} isOld={props.isOld} />
            </td>
            <td data-label="TTL" class="number">
              {lengthText(registration.ttlMs)}
            </td>
            <td data-label="Disconnect grace" class="number">
              {registration.graceMs === 0 ? "off" : lengthText(registration.graceMs)}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
