// SPDX-License-Identifier: Apache-2.0
/**
 * A process that enters one election, leads and does nothing, to be killed: `ELECTION TTL GRACE URL...`.
 * It says `leading` on stdout when it does.
 */

import { connect } from "@conclave/client";

const [election = "", ttlMs, graceMs, ...endpoints] = process.argv.slice(2);
const client = await connect({ endpoints });
await client.election(election).campaign({ ttlMs: Number(ttlMs), graceMs: Number(graceMs) });
console.log("leading");
// Whoever started this process may die without a word; its end of the pipe then closes.
process.stdin.resume().once("end", () => process.exit(1));
