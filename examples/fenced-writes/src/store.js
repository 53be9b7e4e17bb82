// SPDX-License-Identifier: Apache-2.0
/** `node src/store.js [PORT]`: one number over HTTP, which no leader of yesterday can touch. */

import { createServer } from "node:http";
import { text } from "node:stream/consumers";

let value = 0;
let highestTerm = 0n;

const server = createServer(async (request, response) => {
  const shown = String(request.headers["x-term"] ?? 0);
  if (!/^\d{1,20}$/.test(shown)) return void response.writeHead(400).end("x-term is a number");
  const term = BigInt(shown);
  const written = await text(request).catch(() => undefined);
  if (written === undefined) return; // The writer has broken off.
  // From here on nothing waits: between the look at the term and the write there is no gap.
  if (term < highestTerm) return void response.writeHead(409).end(`term ${highestTerm} was here`);
  // Readers show their term, too: what a former leader still has under way must not come after them.
  highestTerm = term;
  if (request.method === "PUT") value = Number(written);
  response.end(String(value));
});

server.listen(Number(process.argv[2] ?? 7500), "127.0.0.1", () => {
  const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
  process.stdout.write(`store ready on http://127.0.0.1:${port}\n`);
});
