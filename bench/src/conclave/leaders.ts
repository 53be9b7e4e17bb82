// SPDX-License-Identifier: Apache-2.0
/** Which node leads the partition that is home to an election. */

import { ElectionService } from "@conclave/api";
import { ClusterService } from "@conclave/api/cluster";
import { createClient } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";

/** By what the node at this URL knows; 0 if it knows none. */
export async function leadingNode(url: string, election: string): Promise<number> {
  const transport = createConnectTransport({ baseUrl: url, httpVersion: "2" });
  const read = { election: { name: election }, stale: true };
  const { view } = await createClient(ElectionService, transport).get(read);
  const { partitions } = await createClient(ClusterService, transport).status({});
  return partitions.find(({ partition }) => partition === view?.partition)?.leader ?? 0;
}
