// SPDX-License-Identifier: Apache-2.0
/** What every end-to-end spec of a cluster ends with, whatever it did to the servers. */

import { untilReplicasAgree } from "@conclave/testing";
import { expect } from "vitest";
import { brokenPromises, type History } from "./history.ts";
import type { Workload } from "./workload.ts";

/** What is asked of a cluster, however it was started. */
export interface KeptCluster<Node extends { readonly url: string }> {
  readonly nodes: readonly Node[];
  /** Resolves when every partition has a leader that each of these nodes reaches. */
  ready(nodes: readonly Node[]): Promise<void>;
}

export interface KeptOptions<Node> {
  /** Those that are members in the end; all that the cluster began with by default. */
  readonly nodes?: readonly Node[];
  /** Set where more than a minority was away, or for longer than leases last. */
  readonly mayLoseOffices?: boolean;
}

/**
 * Nothing acknowledged is lost, terms neither fall nor repeat, every election gets a leader, every
 * replica ends in the same state, and nobody lost an office that it need not have lost.
 */
export async function expectKept<Node extends { readonly url: string }>(
  cluster: KeptCluster<Node>,
  workload: Workload,
  { nodes = cluster.nodes, mayLoseOffices = false }: KeptOptions<Node> = {},
): Promise<History> {
  await sayWhenLed(workload, "the end");
  await cluster.ready(nodes);
  const history = await workload.stop();
  expect(brokenPromises(history)).toEqual([]);
  if (!mayLoseOffices) expect(history.lost).toEqual([]);
  // A workload that did nothing would have kept every promise.
  expect(history.acknowledged.length).toBeGreaterThan(0);
  expect(history.watched.every(({ views }) => views.length > 0)).toBe(true);
  await untilReplicasAgree(nodes.map(({ url }) => url));
  return history;
}

/** Prints how long it took from now until every election had a leader; the simulation bounds it. */
export async function sayWhenLed(workload: Workload, since: string): Promise<void> {
  const tookMs = await workload.untilAllLead();
  const scene = expect.getState().currentTestName;
  console.log(`${scene}: every election was led ${Math.round(tookMs)} ms after ${since}`);
}
