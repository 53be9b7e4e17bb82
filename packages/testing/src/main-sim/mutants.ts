// SPDX-License-Identifier: Apache-2.0
/**
 * `mutants`: bugs that people make, kept as patches, each put into a copy of the product to see which rule
 * catches it and after how many seeds. A harness that catches none of them proves nothing.
 */

import type { Job } from "../sim/job.ts";
import { seedsFrom } from "../sim/seeds.ts";
import { sweep } from "../sim/sweep.ts";
import { fileOfPatch, patchNames, readPatch } from "./patches.ts";
import { createPool, type Pool } from "./pool.ts";
import { createScratchCopy, problemOfPatch } from "./scratch-copy.ts";

/** A mutant may go round in circles where the product does not, and then needs no longer to show it. */
const HANG_MS = 30_000;

export interface MutantRun {
  /** Part of the file's name; undefined: all. */
  readonly only: string | undefined;
  readonly seeds: number;
  readonly atOnce: number;
}

/** Prints a row of a table for each mutant; the exit code is 1 if one lives or cannot be tried. */
export async function runMutants({ only, seeds, atOnce }: MutantRun): Promise<number> {
  const names = await patchNames(only);
  if (names.length === 0) {
    process.stderr.write(`no mutant is called ${only}\n`);
    return 2;
  }
  print("| mutant | expected | caught by | seeds needed |");
  print("|---|---|---|---|");
  let alive = 0;
  for (const name of names) {
    const { expected } = await readPatch(name);
    const fate = await fateOf(name, seeds, atOnce);
    if (fate.kind !== "caught") alive += 1;
    print(`| ${name} | ${expected} | ${describe(fate)} |`);
  }
  print(`${names.length - alive} of ${names.length} caught`);
  return alive === 0 ? 0 : 1;
}

export async function mutantsThatDoNotApply(): Promise<
  readonly { readonly name: string; readonly reason: string }[]
> {
  const names = await patchNames();
  return names.flatMap((name) => {
    const reason = problemOfPatch(fileOfPatch(name));
    return reason === undefined ? [] : [{ name, reason }];
  });
}

type Fate =
  | { readonly kind: "caught"; readonly rule: string; readonly seeds: number }
  | { readonly kind: "alive"; readonly seeds: number }
  | { readonly kind: "unfit"; readonly reason: string };

async function fateOf(name: string, seeds: number, atOnce: number): Promise<Fate> {
  const copy = await createScratchCopy();
  let pool: Pool | undefined;
  try {
    const reason = copy.apply(fileOfPatch(name)) ?? copy.build();
    if (reason !== undefined) return { kind: "unfit", reason };
    pool = createPool(copy.worker, atOnce, HANG_MS);
    const jobs = seedsFrom(0n, seeds).map((seed): Job => ({ kind: "seed", seed }));
    const { failure } = await sweep({ jobs, run: pool.run, atOnce, isSpent: () => false });
    if (failure === undefined) return { kind: "alive", seeds };
    const rule = failure.report.violation?.rule ?? "";
    return { kind: "caught", rule, seeds: failure.index + 1 };
  } finally {
    pool?.close();
    copy.remove();
  }
}

function describe(fate: Fate): string {
  switch (fate.kind) {
    case "caught":
      return `${fate.rule} | ${fate.seeds}`;
    case "alive":
      return `nothing | > ${fate.seeds}`;
    case "unfit":
      return `not tried: ${fate.reason.replaceAll("\n", " ")} | `;
    default:
      return fate satisfies never;
  }
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
