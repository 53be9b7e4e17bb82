// SPDX-License-Identifier: Apache-2.0
/** The native API, conclave.v1, put on a router. */

import { ElectionService, SessionService } from "@conclave/api";
import type { ConnectRouter } from "@connectrpc/connect";
import type { ElectionNode } from "../replica/election-node.ts";
import { electionService } from "./election-service.ts";
import { sessionService } from "./session-service.ts";

export interface NativeServicesOptions {
  /** A random 64-bit number from the platform's CSPRNG, never 0: a session's id is a bearer secret. */
  readonly drawSessionId: () => bigint;
}

/**
 * Serves SessionService and ElectionService of conclave.v1 on `router`.
 *
 * The size of a request is limited by the router's `readMaxBytes`: 64 KiB for unary methods, 1 MiB
 * for a frame of Attach (design section 4).
 */
export function registerNativeServices(
  router: ConnectRouter,
  node: ElectionNode,
  options: NativeServicesOptions,
): void {
  router.service(SessionService, sessionService(node, options.drawSessionId));
  router.service(ElectionService, electionService(node));
}
