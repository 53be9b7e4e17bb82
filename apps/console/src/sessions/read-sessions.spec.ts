// SPDX-License-Identifier: Apache-2.0
/** Asking every partition for its sessions. */
import { ElectionError } from "@conclave/client";
import type { ClusterStatus, SessionInfo } from "@conclave/client/cluster";
import { expect, test } from "vitest";
import { readSessions } from "./read-sessions.ts";

/** A cluster whose partitions, from 1 on, have so many sessions; null: it gives no answer. */
function clusterOf(...counts: readonly (number | null)[]) {
  const read = { count: 0 };
  return {
    read,
    status: async () =>
      ({ partitions: counts.map((_, i) => ({ partition: i + 1 })) }) as unknown as ClusterStatus,
    async *sessions(partition: number, options: { readonly instance?: string } = {}) {
      const count = counts[partition - 1] ?? null;
      if (count === null) throw new ElectionError("NO_QUORUM", `no leader of ${partition}`);
      for (let i = 0; i < count; i++) {
        const instance = `${partition}-${i}`;
        if (options.instance !== undefined && options.instance !== instance) continue;
        read.count++;
        yield { instance, ttlMs: 1, graceMs: 0, labels: {}, remainingMs: 1 } as SessionInfo;
      }
    },
  };
}

test("every partition's sessions are read, with where each is registered", async () => {
  const { registrations, truncated, silent } = await readSessions(clusterOf(1, 2), "", 10);
  expect(registrations.map((r) => [r.partition, r.instance])).toEqual([
    [1, "1-0"],
    [2, "2-0"],
    [2, "2-1"],
  ]);
  expect([truncated, silent]).toEqual([[], []]);
});

test("of a partition that has more than was asked for, the rest is not read, and that is said", async () => {
  const cluster = clusterOf(3, 100);
  const { registrations, truncated } = await readSessions(cluster, "", 3);
  expect(registrations).toHaveLength(6);
  expect(truncated).toEqual([2]);
  expect(cluster.read.count).toBe(7);
});

test("a partition that gives no answer is named, and the others are shown", async () => {
  const { registrations, silent } = await readSessions(clusterOf(null, 1), "", 3);
  expect(registrations).toHaveLength(1);
  expect(silent).toEqual([1]);
});

test("where no partition answers, the reason is thrown", async () => {
  await expect(readSessions(clusterOf(null, null), "", 3)).rejects.toThrow("no leader of 1");
});

test("one session is asked for by its instance", async () => {
  const { registrations } = await readSessions(clusterOf(5, 5), "2-3", 1);
  expect(registrations.map((r) => r.instance)).toEqual(["2-3"]);
});
