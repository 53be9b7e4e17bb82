// SPDX-License-Identifier: Apache-2.0
/** The door for operators' pages: `@conclave/client/cluster` in a browser. */

import { createConnectTransport } from "@connectrpc/connect-web";
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
  const transports = endpoints.map((baseUrl) =>
    createConnectTransport({ baseUrl, useBinaryFormat: true }),
  );
  // What a page has asked, it lets run out: its connections are the browser's.
  return createClusterAdmin({ transports, timeoutMs, token, close: () => {} });
}
