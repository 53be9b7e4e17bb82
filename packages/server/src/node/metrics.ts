// SPDX-License-Identifier: Apache-2.0
/**
 * What a node counts and shows on `/metrics`, for Prometheus. docs/metrics.md tells of each.
 *
 * Names and labels are an interface: alerts are written against them. No session's id is in any.
 */

import type { Change } from "@conclave/fsm";
import type { HostObserver } from "@conclave/raft";
import { Counter, Gauge, Histogram, Registry } from "prom-client";
import type { NodeObserver } from "../replica/node-observer.ts";
import { electionSeries, type MeasuredPartition } from "./election-series.ts";
import { createRaftGauges, type MeasuredLog } from "./raft-gauges.ts";

/** What a scrape looks at; all of it is empty until the node knows who it is. */
export interface Measured {
  partitions(): readonly MeasuredPartition[];
  logs(): readonly MeasuredLog[];
  /** The most changes that wait for one watcher of this node. */
  watchLag(): number;
  peers(): readonly { readonly node: number; readonly isConnected: boolean }[];
}

export interface Metrics {
  readonly host: HostObserver;
  readonly node: NodeObserver;
  /** To be called at each beat of the loop, with how late it came. */
  beat(lateMs: number): void;
  /** The page, and what it is. */
  page(): Promise<string>;
  readonly contentType: string;
}

/** From a tenth of a millisecond, which a sync takes here, to what clients wait for at most. */
const SECONDS = [
  0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5,
];

export function createMetrics(measured: Measured, wallMs: () => number): Metrics {
  const registry = new Registry();
  const registers = [registry];
  const histogram = (name: string, help: string): Histogram =>
    new Histogram({ name, help, buckets: SECONDS, registers });
  const logSync = histogram("log_sync_seconds", "One write and sync of the log");
  const round = histogram("renewal_round_seconds", "One quorum round for renewals and reads");
  const renewal = histogram(
    "session_renew_seconds",
    "From a renewal's arrival to its confirmation",
  );
  const loopLag = histogram("event_loop_lag_seconds", "By how much a beat of the loop was late");
  const counter = <T extends string>(name: string, help: string, labelNames: readonly T[] = []) =>
    new Counter({ name, help, labelNames, registers });
  const proposals = counter("proposals_total", "Commands answered here", ["outcome"]);
  const rounds = counter("renewal_rounds_failed_total", "Quorum rounds that did not pass");
  const clamped = counter("log_time_clamped_total", "Entries whose time was held back");
  const causes = counter("election_transitions_total", "Gains and losses of office", ["cause"]);
  const watchLag = new Gauge({
    name: "watch_lag_revisions",
    help: "The most changes that wait for one watcher",
    registers,
  });
  const peers = new Gauge({
    name: "peer_connected",
    help: "Whether this node is connected to another",
    labelNames: ["node"],
    registers,
  });
  const raft = createRaftGauges(registry);

  return {
    host: { synced: ({ durationMs }) => logSync.observe(durationMs / 1_000) },
    node: {
      roundEnded(tookMs, hasPassed) {
        if (hasPassed) round.observe(tookMs / 1_000);
        else rounds.inc();
      },
      renewed: (tookMs) => renewal.observe(tookMs / 1_000),
      submitted: (outcome) => proposals.inc({ outcome }),
      logTimeClamped: () => clamped.inc(),
      changed(change) {
        if (isTransition(change)) causes.inc({ cause: change.cause });
      },
    },
    beat: (lateMs) => loopLag.observe(lateMs / 1_000),
    async page() {
      watchLag.set(measured.watchLag());
      peers.reset();
      for (const { node, isConnected } of measured.peers()) {
        peers.set({ node: String(node) }, Number(isConnected));
      }
      raft.measure(measured.logs());
      const rest = await registry.metrics();
      return `${rest}\n${await electionSeries(measured.partitions(), wallMs())}`;
    },
    contentType: registry.contentType,
  };
}

/** Whether office was taken or left; that a queue moved is none. */
function isTransition(change: Change): boolean {
  return (
    change.term !== change.termBefore ||
    (change.leader === undefined) !== (change.leaderBefore === undefined)
  );
}
