// SPDX-License-Identifier: Apache-2.0
/**
 * `npm run chaos -- --minutes M [--seed N] [--history FILE]`: three real processes on the loopback
 * network under random faults, and what clients saw of them held to the same rules as the simulator's.
 *
 * Ends with code 1 when a promise was broken, and says where the history is. The seed draws which faults
 * come and what clients do, not when the machine gets round to it: a run cannot be repeated exactly.
 */

import { randomBytes } from "node:crypto";
import { appendFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { createPrng, type Prng } from "@conclave/base";
import { TestCluster } from "./cluster/test-cluster.ts";
import { historyToLines } from "./history/json-lines.ts";
import { type RoundOutcome, type RoundPlan, runRound } from "./main-chaos/chaos-round.ts";
import { pick } from "./pick.ts";

const USAGE = "usage: npm run chaos -- [--minutes M] [--seed N] [--history FILE] [--verbose]";
const ROUND_MS = 20_000;

// At the exit of this process the servers are killed and their data removed.
process.once("SIGINT", () => process.exit(130));
process.once("SIGTERM", () => process.exit(143));
process.exitCode = await main(process.argv.slice(2));

async function main(argv: readonly string[]): Promise<number> {
  const options = optionsIn(argv);
  if (options === undefined) {
    process.stderr.write(`${USAGE}\n`);
    return 2;
  }
  const { seed, minutes, historyPath, isVerbose } = options;
  say(`seed ${seed}, ${minutes} minutes, history in ${historyPath}`);
  const prng = createPrng(seed);
  writeFileSync(historyPath, "");
  const endMs = performance.now() + minutes * 60_000;
  await using cluster = await TestCluster.start({ nodes: 3, processes: true, seed });
  for (let number = 1; performance.now() < endMs; number++) {
    const chance = prng.child(`round ${number}`);
    const leftMs = endMs - performance.now();
    const plan = drawRound(number, chance, Math.min(ROUND_MS, Math.max(1_000, leftMs)));
    const note = isVerbose ? (line: string) => say(`round ${number}: ${line}`) : () => {};
    const outcome = await runRound(cluster, plan, chance, note);
    appendFileSync(historyPath, historyToLines(outcome.history));
    say(`round ${number}: ${summaryOf(outcome)}`);
    if (outcome.violations.length === 0) continue;
    for (const { rule, message } of outcome.violations) say(`BROKEN ${rule}: ${message}`);
    say(`seed ${seed}; what clients saw is in ${historyPath}`);
    return 1;
  }
  say("held");
  return 0;
}

interface Options {
  readonly minutes: number;
  readonly seed: bigint;
  readonly historyPath: string;
  readonly isVerbose: boolean;
}

/** Undefined for what is no command line of ours. */
function optionsIn(argv: readonly string[]): Options | undefined {
  try {
    const { values } = parseArgs({
      args: [...argv],
      options: {
        minutes: { type: "string", default: "1" },
        seed: { type: "string", default: String(randomBytes(4).readUInt32BE()) },
        history: { type: "string" },
        verbose: { type: "boolean", default: false },
      },
    });
    const minutes = Number(values.minutes);
    const seed = BigInt(values.seed);
    if (!(minutes > 0) || seed < 0n || seed >= 1n << 64n) return undefined;
    const historyPath = values.history ?? join(tmpdir(), `conclave-chaos-${seed}.jsonl`);
    return { minutes, seed, historyPath, isVerbose: values.verbose };
  } catch {
    return undefined;
  }
}

/** Each round its own mix of patience and pace. */
function drawRound(number: number, prng: Prng, faultsMs: number): RoundPlan {
  const ttlMs = pick(prng, [1_000, 2_000, 3_000, 5_000]);
  return {
    ...{ prefix: `r${number}`, faultsMs, ttlMs },
    ...{ elections: 1 + prng.below(4), candidates: 2 + prng.below(3) },
    ...{ operators: 2, readers: 3, watchers: 2 },
    graceMs: pick(prng, [0, 0, Math.min(1_000, ttlMs)]),
    paceMs: pick(prng, [20, 40, 80]),
  };
}

function summaryOf({ history, counts, isOrderKnown }: RoundOutcome): string {
  const told = Object.entries(counts).map(([kind, count]) => `${count} ${kind}`);
  const order = isOrderKnown ? "" : "; whether they have an order was not found out";
  return `${history.operations.length} operations: ${told.join(", ")}${order}`;
}

function say(line: string): void {
  process.stdout.write(`chaos: ${line}\n`);
}
