// SPDX-License-Identifier: Apache-2.0
/**
 * A candidate in a tab, which looks all the time whether it still leads.
 *
 * `?lock=NAME` stands only while it has this Web Lock; `timers=minute` and `workers=none` for what some
 * browsers and policies do to pages. The rest as in `candidate.ts`.
 */

import { createCandidate, LOOK_EVERY_MS } from "./candidate.ts";
import { MARK } from "./said.ts";

declare global {
  interface Window {
    /** Keeps this page's only thread busy, and looks meanwhile. */
    block(ms: number): void;
    /** Whether an office is held right now. */
    look(): boolean;
  }
}

const query = new URLSearchParams(location.search);
// The page's own timers hardly run while another tab is in front.
const ticks = `setInterval(postMessage, ${LOOK_EVERY_MS}, 0)`;
const ticker = new Worker(URL.createObjectURL(new Blob([ticks])));
const { look, stand } = createCandidate({
  query,
  tell: (line) => console.log(MARK + JSON.stringify(line)),
  tick: () => new Promise((resolve) => ticker.addEventListener("message", resolve, { once: true })),
});

// Registered before the client's own listeners: what they would put right shows here.
document.addEventListener("resume", look);
addEventListener("pageshow", look);
ticker.addEventListener("message", look);
window.look = look;
if (query.get("timers") === "minute") slowHiddenTimers();
// As under a policy that allows none; made above, our own goes on.
if (query.get("workers") === "none") Object.defineProperty(window, "Worker", { value: undefined });

window.block = (ms) => {
  const end = performance.now() + ms;
  while (performance.now() < end) look();
};

const lock = query.get("lock");
if (lock === null) await stand();
else await navigator.locks.request(lock, stand);

/** The timers of a page that has been in the back for long run once a minute. */
function slowHiddenTimers(): void {
  const own = window.setTimeout;
  const slowed = (run: () => void, ms: number): number =>
    own(run, document.hidden ? Math.max(ms, 60_000) : ms);
  Object.defineProperty(window, "setTimeout", { value: slowed });
}
