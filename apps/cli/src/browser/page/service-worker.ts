// SPDX-License-Identifier: Apache-2.0
/**
 * A candidate in a service worker, as in `candidate.ts`. Each start of the worker is another one.
 *
 * It has no console that a spec sees: what it says goes to `worker-page.ts`. What was said within the
 * last milliseconds before its browser ended it may be lost.
 */

import { createCandidate, LOOK_EVERY_MS } from "./candidate.ts";

const query = new URLSearchParams(location.search);
const page = new BroadcastChannel(query.get("election") ?? "");
const { look, stand } = createCandidate({
  query,
  tell: (line) => page.postMessage(line),
  tick: () => new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS)),
});

// To have been sent a message is what starts it; there is nothing else to do about one.
addEventListener("message", () => {});
setInterval(look, LOOK_EVERY_MS);
// Modules of service workers may not wait at their top level.
void stand();
