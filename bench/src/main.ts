// SPDX-License-Identifier: Apache-2.0
/** Asks every question in one run, so that their answers can be compared on a noisy machine. */

import { cpus } from "node:os";
import { measureApply } from "./fsm-apply.ts";
import { measureCycles } from "./node-cycles.ts";
import { tableOf } from "./print-table.ts";
import { measureAppends } from "./store-append.ts";

console.log(
  `Node ${process.version}, ${cpus().length} cores, ${cpus()[0]?.model ?? "unknown CPU"}\n`,
);
console.log(tableOf("Commands applied by one state machine", await measureApply()));
for (const { question, rows } of await measureAppends()) console.log(tableOf(question, rows));
console.log(
  tableOf(
    "Cycles of enter, lead and withdraw through the SDK on one durable node",
    await measureCycles(),
  ),
);
