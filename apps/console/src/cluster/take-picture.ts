// SPDX-License-Identifier: Apache-2.0
/** Asks every node that can be reached what it knows. */

import type { ClusterAdmin, ClusterStatus } from "@conclave/client/cluster";
import type { ClusterPicture } from "./picture.ts";

/** @throws ElectionError where the node that serves the page does not answer */
export async function takePicture(
  cluster: Pick<ClusterAdmin, "status">,
  nowMs: () => number,
): Promise<ClusterPicture> {
  const base = await cluster.status();
  const answers = await Promise.all(
    base.members.map(async ({ node, isSelf, isConnected }) => {
      if (isSelf) return [node, base] as const;
      return [node, isConnected ? await answerOf(cluster, node) : null] as const;
    }),
  );
  return { base, byNode: new Map(answers), atMs: nowMs() };
}

/** One that does not answer is a finding, not a failure of the whole. */
function answerOf(
  cluster: Pick<ClusterAdmin, "status">,
  node: number,
): Promise<ClusterStatus | null> {
  return cluster.status({ node }).catch(() => null);
}
