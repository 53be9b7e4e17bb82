// SPDX-License-Identifier: Apache-2.0
/**
 * What a screen gets: the live state of the cluster, and the doors to act through. A screen shows
 * what is in here and what it has asked for itself, and never what it expects a command to do.
 */

import type { Client, Election } from "@conclave/client";
import type { ClusterAdmin } from "@conclave/client/cluster";
import type { LoggedChange } from "./change-log.ts";
import type { ElectionsState } from "./election-row.ts";
import type { LinkState } from "./link-state.ts";
import type { Route } from "./route.ts";
import type { Store } from "./store.ts";

export interface App {
  /** All elections of all namespaces, live; changes ten times a second at most. */
  readonly elections: Store<ElectionsState>;
  /** The last 1,000 changes since the page was opened, oldest first. */
  readonly changes: Store<readonly LoggedChange[]>;
  readonly link: Store<LinkState>;
  readonly route: Store<Route>;
  /** The time by this page's clock, Unix milliseconds; changes once a second while the page is seen. */
  readonly now: Store<number>;
  /** What the operator is told in passing, newest last. */
  readonly notices: Store<readonly Notice[]>;
  /** Questions about the cluster as a whole. Sends nothing before the first question. */
  readonly cluster: ClusterAdmin;
  /** Resolves once a node has answered; never rejects. */
  connected(): Promise<Client>;
  /** One election of any namespace, for verbs and for watches of a screen's own. */
  election(namespace: string, name: string): Promise<Election>;
  /** Goes to an address as `hashOf` writes it. */
  navigate(hash: string): void;
  /** Changes the address without a step in the history: for filters as they are typed. */
  replace(hash: string): void;
  /** Tells the operator something in passing; screen readers say it. */
  notify(tone: Notice["tone"], text: string): void;
  dismiss(id: number): void;
}

export interface Notice {
  readonly id: number;
  readonly tone: "done" | "failed" | "info";
  readonly text: string;
}
