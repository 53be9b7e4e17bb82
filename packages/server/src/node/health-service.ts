// SPDX-License-Identifier: Apache-2.0
/**
 * grpc.health.v1.Health: what load balancers and orchestrators ask.
 *
 * All services of a node share one status, its readiness: none of them can serve without leaders.
 */

import {
  Health,
  type HealthCheckResponse,
  HealthCheckResponse_ServingStatus as ServingStatus,
} from "@conclave/api/grpc";
import { Code, ConnectError, type ConnectRouter } from "@connectrpc/connect";
import type { Readiness } from "./readiness.ts";

type Status = Pick<HealthCheckResponse, "status">;

/**
 * Serves Health on `router`.
 *
 * @param isServed whether a service of that full name is registered on this port.
 */
export function registerHealth(
  router: ConnectRouter,
  readiness: Readiness,
  isServed: (service: string) => boolean,
): void {
  // The empty name asks for the process as a whole.
  const isKnown = (service: string): boolean => service === "" || isServed(service);
  const statusOf = (service: string): Status => {
    if (!isKnown(service)) return { status: ServingStatus.SERVICE_UNKNOWN };
    const { SERVING, NOT_SERVING } = ServingStatus;
    return { status: readiness.isReady() ? SERVING : NOT_SERVING };
  };

  router.service(Health, {
    check(request) {
      if (isKnown(request.service)) return statusOf(request.service);
      throw new ConnectError(`no service ${request.service} on this port`, Code.NotFound);
    },
    watch: (request, context) =>
      statuses(readiness, () => statusOf(request.service), context.signal),
  });
}

/**
 * The status now, and again after each change, until the server shuts down. A reader that is slow
 * sees the last, not each.
 */
async function* statuses(
  readiness: Readiness,
  status: () => Status,
  signal: AbortSignal,
): AsyncGenerator<Status> {
  let wake = (): void => {};
  const unsubscribe = readiness.subscribe(() => wake());
  // Not left to `finally`: a caller that resets the stream while it is behind leaves us at a `yield`
  // to which nobody returns.
  const onAbort = (): void => {
    unsubscribe();
    wake();
  };
  signal.addEventListener("abort", onAbort);
  try {
    let sent: ServingStatus | undefined;
    while (!signal.aborted) {
      // Set up before the status is read, so that no change falls between the two.
      const changed = new Promise<void>((resolve) => {
        wake = resolve;
      });
      const now = status();
      if (now.status !== sent) {
        sent = now.status;
        yield now;
      } else if (readiness.isShuttingDown) {
        return;
      } else {
        await changed;
      }
    }
  } finally {
    unsubscribe();
    signal.removeEventListener("abort", onAbort);
  }
}
