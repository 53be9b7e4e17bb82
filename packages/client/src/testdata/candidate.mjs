// SPDX-License-Identifier: Apache-2.0
// A candidate in a process of its own: serves "orders", says what it sees, does as it is told.
//   candidate.mjs URL NAME TTL_MS GRACE_MS
import { createInterface } from "node:readline";
import { connect } from "../../dist/index.js";

const [url, candidate, ttlMs, graceMs] = process.argv.slice(2);
const say = (line) => process.stdout.write(`${line}\n`);

const client = await connect({ endpoints: [url] });
let held;
const look = () => {
  try {
    return String(held?.assertHeld());
  } catch (error) {
    return error.code;
  }
};

createInterface({ input: process.stdin }).on("line", (line) => {
  const [command, ms] = line.split(" ");
  if (command === "block") {
    const end = performance.now() + Number(ms);
    while (performance.now() < end);
    say(`after block ${look()}`);
  }
  if (command === "look") say(`look ${look()}`);
});

await client.election("orders").serve(
  async (leadership) => {
    held ??= leadership;
    say(`leading ${leadership.fence.term}`);
    await new Promise((resolve) => leadership.signal.addEventListener("abort", resolve));
  },
  {
    candidate,
    ttlMs: Number(ttlMs),
    graceMs: Number(graceMs),
    onState: (state) => state !== "connecting" && say("entered"),
  },
);
