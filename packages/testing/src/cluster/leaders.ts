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
 * The node that leads a partition by the word of the latest Raft term that anybody knows; undefined
 * while there is none. Nodes that do not answer are passed over.
 */
export async function leaderOf(
  partition: number,
  urls: readonly string[],
): Promise<number | undefined> {
  const statuses = await Promise.all(urls.map(statusOf));
  let latest = { raftTerm: 0n, leader: null as number | null };
  for (const status of statuses) {
    const known = status?.partitions.find((one) => one.partition === partition);
    if (known === undefined || known.leader === null) continue;
    if (known.raftTerm > latest.raftTerm) latest = known;
  }
  return latest.leader ?? undefined;
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
