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
  const { endpoints, nodes } = cluster;
  let leader: number | undefined;
  return async () => {
    const admin = connectCluster({ endpoints });
    leader ??= await cluster.leaderOf(name);
    const next = nodes[(nodes.indexOf(leader) + 1) % nodes.length]!;
    await eventually(
      `partition ${partition} moves to node ${next}`,
      async () => {
        // A leader that has just begun, or a follower that lags, says no: it is asked again.
        const led = await admin.transferLeadership(next, partition).catch((): number[] => []);
        return led.includes(partition);
      },
      () => cluster.failures.join("\n"),
    );
    leader = next;
    await admin.close();
  };
}
