// SPDX-License-Identifier: Apache-2.0
/**
 * `npm run sim`: runs the simulated world from the command line. Exit code 0 if every rule held, 1 if one
 * was broken, 2 for a wrong command line.
 */

import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";
import { check } from "./main-sim/check.ts";
import { runMutantSpecs } from "./main-sim/mutant-specs.ts";
import { runMutants } from "./main-sim/mutants.ts";
import { WORKER } from "./main-sim/place.ts";
import { createPool, type Pool } from "./main-sim/pool.ts";
import { replay, runSeedOnce } from "./main-sim/run-once.ts";
import { runSweep } from "./main-sim/run-sweep.ts";
import { seedOf } from "./sim/replay-file.ts";

const USAGE = `usage:
  npm run sim -- --seed N [--trace FILE]
  npm run sim -- sweep --count N [--first SEED] [--minutes M]
  npm run sim -- replay FILE [--trace FILE]
  npm run sim -- check
  npm run sim -- mutants [--only NAME] [--seeds 2000]
  npm run sim -- mutants --specs [--only NAME]
`;

// Without this the handlers of a signal would not run, and processes that run worlds would stay.
process.once("SIGINT", () => process.exit(130));
process.once("SIGTERM", () => process.exit(143));

process.exitCode = await main();

async function main(): Promise<number> {
  const atOnce = availableParallelism();
  const pool = createPool(WORKER, atOnce);
  try {
    return (await run(pool)) ?? wrong("");
  } catch (error) {
    return wrong(error instanceof Error ? `${error.message}\n` : `${String(error)}\n`);
  } finally {
    pool.close();
  }
}

/** Undefined for a command line that is none. */
async function run(pool: Pool): Promise<number | undefined> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      seed: { type: "string" },
      trace: { type: "string" },
      count: { type: "string" },
      first: { type: "string", default: "0" },
      minutes: { type: "string" },
      only: { type: "string" },
      seeds: { type: "string", default: "2000" },
      specs: { type: "boolean", default: false },
    },
  });
  const [command, file, ...others] = positionals;
  if (others.length > 0) return undefined;
  switch (command) {
    case undefined:
      return values.seed === undefined
        ? undefined
        : runSeedOnce(pool, wholeSeed(values.seed), values.trace);
    case "sweep": {
      const count = positive(values.count ?? "", "--count");
      const minutes = values.minutes && positive(values.minutes, "--minutes");
      return runSweep(pool, {
        first: wholeSeed(values.first),
        count,
        minutes: minutes === "" ? undefined : minutes,
      });
    }
    case "replay":
      return file === undefined ? undefined : replay(pool, file, values.trace);
    case "check":
      return check(pool);
    case "mutants":
      if (values.specs) return runMutantSpecs(values.only);
      return runMutants({
        only: values.only,
        seeds: positive(values.seeds, "--seeds"),
        atOnce: pool.size,
      });
    default:
      return undefined;
  }
}

function wrong(message: string): number {
  process.stderr.write(`${message}${USAGE}`);
  return 2;
}

function wholeSeed(text: string): bigint {
  const seed = seedOf(text);
  if (seed === undefined) throw new Error(`a seed is a whole number of 64 bits, not ${text}`);
  return seed;
}

function positive(text: string, option: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new Error(`${option} takes a number from 1`);
  return value;
}
