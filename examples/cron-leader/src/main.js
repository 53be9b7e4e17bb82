// SPDX-License-Identifier: Apache-2.0
/** `node src/main.js NAME [ENDPOINT...]`: of all that run this, one does the job, once a second. */

import { setTimeout as sleep } from "node:timers/promises";
import { connect } from "@conclave/client";

const [name = `cron-${process.pid}`, ...given] = process.argv.slice(2);
const endpoints = given.length > 0 ? given : ["http://127.0.0.1:7400"];
const TICK_MS = 1_000;
/** What the job takes at most: it is not begun with less of the lease left. */
const JOB_MS = 200;

const stop = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => stop.abort());

const client = await connect({ endpoints });
await client.election("cron").serve(
  async (leadership) => {
    for (;;) {
      // The end of office wakes the sleeper: whoever leads next has the next tick.
      const toNextTick = TICK_MS - (Date.now() % TICK_MS);
      await sleep(toNextTick, undefined, { signal: leadership.signal }).catch(() => {});
      if (leadership.signal.aborted) return;
      if (leadership.remainingMs > JOB_MS) job(leadership.fence);
    }
  },
  { candidate: name, ttlMs: 3_000, signal: stop.signal, onState: (state) => say(state) },
);
await client.close();

/** @param {import("@conclave/client").Fence} fence hand it to whatever the job writes to */
function job(fence) {
  say(`runs tick ${Math.round(Date.now() / TICK_MS)} as ${fence}`);
}

/** @param {string} text */
function say(text) {
  process.stdout.write(`${name} ${text}\n`);
}
