// SPDX-License-Identifier: Apache-2.0
/** What the nodes of a test's cluster say of themselves, asked past its network. */

import { type ClusterStatus, connectCluster } from "@conclave/client/cluster";

const ANSWER_MS = 2_000;

/** Whether every partition has a leader that this node reaches. */
export async function isReady(url: string): Promise<boolean> {
  try {
    const { status } = await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(ANSWER_MS) });
    return status === 200;
  } catch {
    return false;
  }
}

/**
 * The node that leads a partition by its own word, and by the latest Raft term where two say so;
 * undefined while there is none. Followers go on naming a leader that is gone until they miss it.
 */
export async function leaderOf(
  partition: number,
  urls: readonly string[],
): Promise<number | undefined> {
  const statuses = await Promise.all(urls.map(statusOf));
  let latest: { readonly node: number; readonly raftTerm: bigint } | undefined;
  for (const status of statuses) {
    const led = status?.partitions.find((one) => one.partition === partition);
    if (status === undefined || led === undefined || led.leader !== status.node) continue;
    if (latest === undefined || led.raftTerm > latest.raftTerm) {
      latest = { node: status.node, raftTerm: led.raftTerm };
    }
  }
  return latest?.node;
}

async function statusOf(url: string): Promise<ClusterStatus | undefined> {
  const admin = connectCluster({ endpoints: [url], timeoutMs: ANSWER_MS });
  try {
    return await admin.status();
  } catch {
    return undefined;
  } finally {
    await admin.close();
  }
}
