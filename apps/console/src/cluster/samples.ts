// SPDX-License-Identifier: Apache-2.0
/** What the charts show: lag and changes over the last minutes, sampled while the page is open. Pure. */

import { type ClusterPicture, type PartitionRow, partitionRows } from "./picture.ts";

export interface Sample {
  /** Unix milliseconds by this page's clock. */
  readonly atMs: number;
  /** Of all partitions together; null for the first sample, and where a counter went back. */
  readonly changesPerSecond: number | null;
  /** The largest of any partition by node; null: not known. */
  readonly lag: ReadonlyMap<number, number | null>;
  /** What the next sample is compared with: the highest revision that was seen of each partition. */
  readonly revisions: ReadonlyMap<number, bigint>;
}

/** How far back the charts reach. */
export const KEPT_MS = 600_000;

export function addSample(samples: readonly Sample[], picture: ClusterPicture): readonly Sample[] {
  const rows = partitionRows(picture);
  const { atMs } = picture;
  const last = samples.at(-1);
  if (last !== undefined && last.atMs >= atMs) return samples;
  const revisions = new Map(rows.map((row) => [row.partition, row.revision]));
  const sample: Sample = {
    ...{ atMs, revisions },
    changesPerSecond: last === undefined ? null : rateOf(last, revisions, atMs),
    lag: new Map(picture.base.members.map(({ node }) => [node, lagOf(rows, node)])),
  };
  return [...samples.filter((kept) => kept.atMs >= atMs - KEPT_MS), sample];
}

function rateOf(last: Sample, revisions: Sample["revisions"], atMs: number): number | null {
  let changes = 0n;
  for (const [partition, revision] of revisions) {
    const before = last.revisions.get(partition);
    // Another node's answer may be behind the last one's: no rate can be told from that.
    if (before === undefined || revision < before) return null;
    changes += revision - before;
  }
  return (Number(changes) * 1_000) / (atMs - last.atMs);
}

function lagOf(rows: readonly PartitionRow[], node: number): number | null {
  const known = rows.flatMap((row) => row.cells.filter((cell) => cell.node === node));
  const lags = known.flatMap((cell) => (cell.lag === null ? [] : [Number(cell.lag)]));
  return lags.length === 0 ? null : Math.max(...lags);
}
