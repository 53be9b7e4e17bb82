// SPDX-License-Identifier: Apache-2.0
/** The door for operators' programs in Node: `@conclave/client/cluster`. */

import { createConnectTransport, Http2SessionManager } from "@connectrpc/connect-node";
import { type ClusterAdmin, createClusterAdmin } from "./cluster-admin.ts";

export type {
  ClusterAdmin,
  ClusterMember,
  ClusterPartition,
  ClusterPeer,
  ClusterStatus,
} from "./cluster-admin.ts";
export { homeOf } from "./home.ts";

export interface ClusterConnectOptions {
  /** Origins of nodes, tried in this order. */
  readonly endpoints: readonly string[];
  /** How long one node has to answer before the next is tried. Default 2 s. */
  readonly timeoutMs?: number;
  /** Called for every request. */
  readonly token?: () => Promise<string>;
}

const TIMEOUT_MS = 2_000;

/** Nothing is sent before the first question. Errors are `ElectionError`s. */
export function connectCluster(options: ClusterConnectOptions): ClusterAdmin {
  const { endpoints, timeoutMs = TIMEOUT_MS, token } = options;
  const managers = endpoints.map((endpoint) => new Http2SessionManager(endpoint));
  const transports = managers.map((sessionManager, i) =>
    createConnectTransport({ baseUrl: endpoints[i] ?? "", httpVersion: "2", sessionManager }),
  );
  const close = (): void => {
    for (const manager of managers) manager.abort();
  };
  return createClusterAdmin({ transports, timeoutMs, token, close });
}
