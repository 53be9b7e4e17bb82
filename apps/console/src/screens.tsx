// SPDX-License-Identifier: Apache-2.0
/** Which screen an address leads to, and what the page is called there. */

import type { VNode } from "preact";
import type { App } from "./model/app.ts";
import { countStates } from "./model/election-order.ts";
import type { ElectionRow } from "./model/election-row.ts";
import { hashOf, type Route } from "./model/route.ts";
import { ClusterScreen } from "./screens/cluster-screen.tsx";
import { ElectionScreen } from "./screens/election-screen.tsx";
import { ElectionsScreen } from "./screens/elections-screen.tsx";
import { EventsScreen } from "./screens/events-screen.tsx";
import { SessionsScreen } from "./screens/sessions-screen.tsx";
import { EmptyState } from "./ui/empty-state.tsx";

export function CurrentScreen({ app, route }: { readonly app: App; readonly route: Route }): VNode {
  switch (route.screen) {
    case "elections":
      return <ElectionsScreen app={app} route={route} />;
    case "election":
      return <ElectionScreen app={app} route={route} />;
    case "sessions":
    case "session":
      return <SessionsScreen app={app} route={route} />;
    case "events":
      return <EventsScreen app={app} route={route} />;
    case "cluster":
      return <ClusterScreen app={app} route={route} />;
    case "unknown":
      return (
        <div class="screen">
          <h1>Not found</h1>
          <EmptyState icon="info" title="There is nothing at this address">
            <a class="button" href={hashOf({ screen: "elections", query: {} })}>
              Go to the elections
            </a>
          </EmptyState>
        </div>
      );
  }
}

/** Names the page in tabs and bookmarks; vacant elections are counted where all are shown. */
export function titleOf(route: Route, rows: ReadonlyMap<string, ElectionRow>): string {
  switch (route.screen) {
    case "elections": {
      const { vacant } = countStates(rows.values());
      return vacant === 0 ? "Elections · Conclave" : `(${vacant} vacant) Elections · Conclave`;
    }
    case "election":
      return `${route.name} · Conclave`;
    case "sessions":
      return "Sessions · Conclave";
    case "session":
      return `Session ${route.instance} · Conclave`;
    case "events":
      return "Events · Conclave";
    case "cluster":
      return "Cluster · Conclave";
    case "unknown":
      return "Conclave";
  }
}
