// SPDX-License-Identifier: Apache-2.0
/** How to reach a cluster as a whole, on any platform. */

export interface ClusterConnectOptions {
  /** Origins of nodes, tried in this order. */
  readonly endpoints: readonly string[];
  /** How long one node has to answer before the next is tried. Default 2 s. */
  readonly timeoutMs?: number;
  /** Called for every request. */
  readonly token?: () => Promise<string>;
}

export const NODE_TIMEOUT_MS = 2_000;
