// SPDX-License-Identifier: Apache-2.0
/** `node src/writer.js NAME [STORE [ENDPOINT...]]`: while it leads, it counts the store's number up. */

import { setTimeout as sleep } from "node:timers/promises";
import { connect } from "@conclave/client";

const [name = "writer", store = "http://127.0.0.1:7500", ...given] = process.argv.slice(2);
const endpoints = given.length > 0 ? given : ["http://127.0.0.1:7400"];

const client = await connect({ endpoints });
await client.election("counter").serve(
  async ({ fence, signal }) => {
    const headers = { "x-term": String(fence.term) };
    while (!signal.aborted) {
      const read = await fetch(store, { headers });
      const next = Number(await read.text()) + 1;
      // Whatever takes its time. A process that sleeps here, or is stopped, may wake up out of office.
      await sleep(500);
      const write = { method: "PUT", headers, body: String(next) };
      const isWritten = read.ok && (await fetch(store, write)).ok;
      process.stdout.write(`${name} ${isWritten ? `wrote ${next}` : "was refused"} as ${fence}\n`);
    }
  },
  { candidate: name, ttlMs: 2_000 },
);
