// SPDX-License-Identifier: Apache-2.0
/** Leader changes on demand: the partition of a name moves on to the next node. */

import { connectCluster, homeOf } from "@conclave/client/cluster";
import { eventually } from "../cluster/eventually.ts";
import type { TestCluster } from "../cluster/test-cluster.ts";

/** @returns a function that resolves when another node leads the name's partition than before. */
export function forceTransfers(
  cluster: TestCluster,
  name: string,
  partitionCount: number,
): () => Promise<void> {
  const partition = homeOf(name, partitionCount);
  return async () => {
    const admin = connectCluster({ endpoints: cluster.endpoints });
    const before = await cluster.leaderOf(name);
    const { nodes } = cluster;
    const next = nodes[(nodes.indexOf(before) + 1) % nodes.length]!;
    const moved = async (): Promise<boolean> => {
      // A leader that has just begun, or a follower that lags, says no: it is asked again.
      await admin.transferLeadership(next, partition).catch(() => {});
      return (await cluster.leaderOf(name)) !== before;
    };
    await eventually(`partition ${partition} moves from node ${before} to ${next}`, moved, () =>
      cluster.failures.join("\n"),
    );
    await admin.close();
  };
}
