// SPDX-License-Identifier: Apache-2.0
/**
 * Groups of three to five members under loss, duplication, reordering, crashes and changes of members,
 * each run from a seed: what Raft promises holds at every step, and after a heal everything moves.
 */

import { createPrng } from "@conclave/base";
import { expect, test } from "vitest";
import { RandomCluster } from "./random-cluster.ts";

const SEEDS = 300;
const STEPS = 400;

test(`safety holds under faults, and a healed group commits, in ${SEEDS} runs`, () => {
  const totals = { leaders: 0, committed: 0, reads: 0, changes: 0, snapshots: 0, truncations: 0 };
  for (let seed = 0; seed < SEEDS; seed++) {
    const cluster = new RandomCluster(createPrng(BigInt(seed)));
    try {
      for (let i = 0; i < STEPS; i++) cluster.act();
      cluster.checkLogsMatch();
      cluster.heal();
      cluster.checkHealed();
    } catch (error) {
      throw new Error(`seed ${seed}: ${String(error)}`, { cause: error });
    }
    for (const key of Object.keys(totals) as (keyof typeof totals)[]) {
      totals[key] += cluster.counts[key];
    }
  }
  // A run in which nothing happens proves nothing.
  expect(totals.leaders).toBeGreaterThan(SEEDS);
  expect(totals.committed).toBeGreaterThan(SEEDS * 10);
  expect(totals.reads).toBeGreaterThan(SEEDS);
  expect(totals.changes).toBeGreaterThan(SEEDS / 2);
  expect(totals.snapshots).toBeGreaterThan(SEEDS / 10);
  expect(totals.truncations).toBeGreaterThan(SEEDS / 10);
});
