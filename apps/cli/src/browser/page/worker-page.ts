// SPDX-License-Identifier: Apache-2.0
/** Registers the candidate's service worker under this page's own query, and says what it says. */

import { MARK } from "./said.ts";

declare global {
  interface Window {
    /** Sends the worker a message, which starts it where its browser has ended it. */
    wake(): void;
  }
}

const election = new URLSearchParams(location.search).get("election") ?? "";
new BroadcastChannel(election).addEventListener("message", ({ data }) => {
  console.log(MARK + JSON.stringify(data));
});
const registration = await navigator.serviceWorker.register(
  `/service-worker.js${location.search}`,
  {
    type: "module",
    // No page is in it, so that none is in the way of the next test's worker.
    scope: `/${election}/`,
  },
);
window.wake = () => registration.active?.postMessage("wake");
