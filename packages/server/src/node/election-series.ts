// SPDX-License-Identifier: Apache-2.0
/**
 * The series of single elections, as text. There may be a million of them, so a page shows some: those
 * without a leader first, and says how many it leaves out.
 *
 * Written here and not by prom-client, which takes 100 ms and more for a thousand of them at one
 * stretch, and leases are measured in tens: this goes in slices, between which the loop turns.
 */

import { setImmediate as nextTurn } from "node:timers/promises";
import {
  type ElectionView,
  type PartitionState,
  type PrimitiveKey,
  vacantFirst,
} from "@conclave/fsm";

/** What is looked at of a partition. */
export interface MeasuredPartition {
  readonly state: PartitionState;
  view(key: PrimitiveKey): ElectionView;
}

/** A page of more would be of no use to whoever is to read it. */
const SHOWN_MAX = 1_000;
/** How many are written before the loop turns: less than a millisecond's work. */
const SLICE = 64;

const HELP = {
  election_leader: "1 for who leads; 0, for nobody, while vacant",
  election_term: "The fencing number",
  election_vacant_seconds: "How long the office has been vacant",
  election_standbys: "Candidates that wait",
  elections: "Elections there are, by whether they have a leader",
  election_series_omitted: "Elections that this page leaves out",
};

/**
 * The lines of the page.
 *
 * @param nowMs of the wall clock, to which the times in the log are compared.
 */
export async function electionSeries(
  partitions: readonly MeasuredPartition[],
  nowMs: number,
): Promise<string> {
  const lines: Record<keyof typeof HELP, string[]> = {
    election_leader: [],
    election_term: [],
    election_vacant_seconds: [],
    election_standbys: [],
    elections: [],
    election_series_omitted: [],
  };
  const shown = chosen(partitions);
  for (let at = 0; at < shown.length; at += SLICE) {
    for (const [partition, key] of shown.slice(at, at + SLICE)) {
      const view = partition.view(key);
      const labels = `namespace="${escaped(key.namespace)}",election="${escaped(key.name)}"`;
      const { leader } = view;
      const sinceMs = leader === undefined ? (view.changedMs ?? nowMs) : nowMs;
      const candidate = `candidate="${escaped(leader?.name ?? "")}"`;
      lines.election_leader.push(`{${labels},${candidate}} ${leader === undefined ? 0 : 1}`);
      lines.election_term.push(`{${labels}} ${view.term}`);
      lines.election_vacant_seconds.push(`{${labels}} ${Math.max(0, nowMs - sinceMs) / 1_000}`);
      lines.election_standbys.push(`{${labels}} ${view.queue.length}`);
    }
    await nextTurn();
  }
  const total = partitions.reduce((sum, { state }) => sum + state.elections.size, 0);
  const vacant = partitions.reduce((sum, { state }) => sum + state.idle.size, 0);
  lines.elections.push(`{state="vacant"} ${vacant}`, `{state="led"} ${total - vacant}`);
  lines.election_series_omitted.push(` ${Math.max(0, total - shown.length)}`);
  return Object.entries(HELP)
    .map(([name, help]) => section(name, help, lines[name as keyof typeof HELP]))
    .join("\n");
}

function chosen(
  partitions: readonly MeasuredPartition[],
): readonly (readonly [MeasuredPartition, PrimitiveKey])[] {
  const found = partitions.map((partition) => {
    return { partition, ...vacantFirst(partition.state, "election", SHOWN_MAX) };
  });
  return [
    ...found.flatMap(({ partition, vacant }) => vacant.map((key) => [partition, key] as const)),
    ...found.flatMap(({ partition, others }) => others.map((key) => [partition, key] as const)),
  ].slice(0, SHOWN_MAX);
}

function section(name: string, help: string, lines: readonly string[]): string {
  const head = `# HELP ${name} ${help}\n# TYPE ${name} gauge\n`;
  return head + lines.map((line) => `${name}${line}\n`).join("");
}

/** As the text format has label values. */
function escaped(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}
