// SPDX-License-Identifier: Apache-2.0
/** The stream of one watch, for clients that have none for frames. */

import type { WatchRequest, WatchResponse } from "@conclave/api";
import type { ElectionNode } from "../replica/election-node.ts";
import { isFailure } from "../wire/bounds.ts";
import { connectErrorOf, failureOfWatch } from "../wire/failure.ts";
import { watchQueryOf } from "../wire/read-requests.ts";
import { takeMessages } from "./watch-messages.ts";

/** Messages taken at once; between two takings a slow reader makes the watch's own queue fill. */
const TAKEN_MAX = 256;

/** @param signal ends the stream: the caller has gone. */
export async function* watch(
  node: ElectionNode,
  request: WatchRequest,
  signal: AbortSignal,
): AsyncGenerator<WatchResponse> {
  const query = watchQueryOf(request, node.cluster);
  if (isFailure(query)) throw connectErrorOf(query);
  let isReady = false;
  let wake = (): void => {};
  const ready = (): void => {
    isReady = true;
    wake();
  };
  const watching = node.watch({ ...query, ready });
  // Not left to `finally`: a caller that resets the stream while it is behind leaves us at a `yield`
  // to which nobody returns.
  const leave = (): void => {
    node.unwatch(watching);
    ready();
  };
  signal.addEventListener("abort", leave);
  try {
    while (!signal.aborted) {
      if (!isReady) await new Promise<void>((resolve) => (wake = resolve));
      isReady = false;
      const taken: WatchResponse[] = [];
      takeMessages(watching, node.cluster, ({ message }) => taken.push(message) < TAKEN_MAX);
      yield* taken;
      if (watching.ended !== undefined) throw connectErrorOf(failureOfWatch(watching.ended));
    }
  } finally {
    signal.removeEventListener("abort", leave);
    node.unwatch(watching);
  }
}
