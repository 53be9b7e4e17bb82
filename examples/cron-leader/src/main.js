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
    for (let tick = 0; !leadership.signal.aborted; ) {
      // A timer may fire early by a hair: the tick after this one is never this one.
      tick = Math.max(tick, Math.floor(Date.now() / TICK_MS)) + 1;
      // The end of office wakes the sleeper: whoever leads next has the next tick.
      const toTick = tick * TICK_MS - Date.now();
      await sleep(toTick, undefined, { signal: leadership.signal }).catch(() => {});
      if (leadership.remainingMs > JOB_MS) job(tick, leadership.fence);
    }
  },
  { candidate: name, ttlMs: 3_000, signal: stop.signal, onState: (state) => say(state) },
);
await client.close();

/** @param {number} tick @param {import("@conclave/client").Fence} fence for what the job writes to */
function job(tick, fence) {
  say(`runs tick ${tick} as ${fence}`);
}

/** @param {string} text */
function say(text) {
  process.stdout.write(`${name} ${text}\n`);
}
