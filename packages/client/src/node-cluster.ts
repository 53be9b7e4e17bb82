// SPDX-License-Identifier: Apache-2.0
/** The door for operators' programs in Node: `@conclave/client/cluster`. */

import { createConnectTransport, Http2SessionManager } from "@connectrpc/connect-node";
import { type ClusterAdmin, createClusterAdmin } from "./cluster-admin.ts";
import { type ClusterConnectOptions, NODE_TIMEOUT_MS } from "./cluster-options.ts";

export type {
  ClusterAdmin,
  ClusterMember,
  ClusterPartition,
  ClusterPeer,
  ClusterStatus,
  NamespaceInfo,
  SessionInfo,
} from "./cluster-admin.ts";
export type { ClusterConnectOptions } from "./cluster-options.ts";
export { homeOf } from "./home.ts";

/** Nothing is sent before the first question. Errors are `ElectionError`s. */
export function connectCluster(options: ClusterConnectOptions): ClusterAdmin {
  const { endpoints, timeoutMs = NODE_TIMEOUT_MS, token } = options;
  const managers = endpoints.map((endpoint) => new Http2SessionManager(endpoint));
  const transports = managers.map((sessionManager, i) =>
    createConnectTransport({ baseUrl: endpoints[i] ?? "", httpVersion: "2", sessionManager }),
  );
  const close = (): void => {
    for (const manager of managers) manager.abort();
  };
  return createClusterAdmin({ transports, timeoutMs, token, close });
}
