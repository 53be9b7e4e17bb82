// SPDX-License-Identifier: Apache-2.0
/**
 * Gauges of single elections. There may be a million of them, so a scrape shows some: those without a
 * leader first, and says how many it leaves out.
 */

import {
  type ElectionView,
  type PartitionState,
  type PrimitiveKey,
  vacantFirst,
} from "@conclave/fsm";
import { Gauge, type Registry } from "prom-client";

/** What is looked at of a partition. */
export interface MeasuredPartition {
  readonly state: PartitionState;
  view(key: PrimitiveKey): ElectionView;
}

export interface ElectionGauges {
  /** @param nowMs of the wall clock, to which the times in the log are compared. */
  measure(partitions: readonly MeasuredPartition[], nowMs: number): void;
}

/** Above it a page would take longer to make than the loop may stand still. */
const SHOWN_MAX = 1_000;

export function createElectionGauges(registry: Registry): ElectionGauges {
  const gauge = <T extends string>(name: string, help: string, labels: readonly T[]): Gauge<T> =>
    new Gauge({ name, help, labelNames: labels, registers: [registry] });
  const named = ["namespace", "election"] as const;
  const leader = gauge("election_leader", "1 for who leads; 0, for nobody, while vacant", [
    ...named,
    "candidate",
  ]);
  const term = gauge("election_term", "The fencing number", named);
  const vacant = gauge("election_vacant_seconds", "How long the office has been vacant", named);
  const standbys = gauge("election_standbys", "Candidates that wait", named);
  const omitted = gauge("election_series_omitted", "Elections that this page leaves out", []);
  const total = gauge("elections", "Elections there are, by whether they have a leader", ["state"]);

  const show = ({ key, ...view }: ElectionView, nowMs: number): void => {
    const labels = { namespace: key.namespace, election: key.name };
    const isLed = view.leader !== undefined;
    leader.set({ ...labels, candidate: view.leader?.name ?? "" }, Number(isLed));
    term.set(labels, Number(view.term));
    const sinceMs = isLed ? nowMs : (view.changedMs ?? nowMs);
    vacant.set(labels, Math.max(0, nowMs - sinceMs) / 1_000);
    standbys.set(labels, view.queue.length);
  };

  return {
    measure(partitions, nowMs) {
      for (const shown of [leader, term, vacant, standbys]) shown.reset();
      const views = partitions.flatMap((partition) =>
        vacantFirst(partition.state, "election", SHOWN_MAX).map((key) => partition.view(key)),
      );
      const isVacant = ({ leader: led }: ElectionView): boolean => led === undefined;
      const ordered = [...views.filter(isVacant), ...views.filter((view) => !isVacant(view))];
      for (const view of ordered.slice(0, SHOWN_MAX)) show(view, nowMs);
      const count = partitions.reduce((sum, { state }) => sum + state.elections.size, 0);
      omitted.set(Math.max(0, count - SHOWN_MAX));
      const idle = partitions.reduce((sum, { state }) => sum + state.idle.size, 0);
      total.set({ state: "vacant" }, idle);
      total.set({ state: "led" }, count - idle);
    },
  };
}
