// SPDX-License-Identifier: Apache-2.0
/**
 * `mutants --specs`: whether the specs that a mutant's head names fail on it. It runs them from the source of a
 * copy in which the patch is applied; no world is simulated.
 *
 * Every file that is named must have a test that fails: one that cannot be loaded says nothing.
 */

import { fileOfPatch, patchNames, readPatch } from "./patches.ts";
import { createScratchCopy, type ScratchCopy } from "./scratch-copy.ts";

/** Prints a row for each mutant that names specs; the exit code is 1 if a spec does not fail on one. */
export async function runMutantSpecs(only: string | undefined): Promise<number> {
  const all = await Promise.all(
    (await patchNames(only)).map(async (name) => ({ name, specs: (await readPatch(name)).specs })),
  );
  const named = all.filter(({ specs }) => specs.length > 0);
  if (named.length === 0) {
    process.stderr.write(`no mutant that names a spec is called ${only}\n`);
    return 2;
  }
  const copy = await createScratchCopy();
  let missed = 0;
  try {
    print("| mutant | spec | tests that fail on it |");
    print("|---|---|---|");
    for (const { name, specs } of named) {
      const verdicts = verdictsOn(copy, name, specs);
      if (verdicts.some(({ failing }) => failing.length === 0)) missed += 1;
      for (const { spec, failing, problem } of verdicts) {
        const told = failing.length === 0 ? `NONE ${problem}` : failing.join("; ");
        print(`| ${name} | ${spec} | ${told} |`);
      }
    }
  } finally {
    copy.remove();
  }
  print(`specs fail on ${named.length - missed} of ${named.length} mutants`);
  return missed === 0 ? 0 : 1;
}

interface Verdict {
  readonly spec: string;
  /** Names of tests. */
  readonly failing: readonly string[];
  /** Why there are none, where that is not because all are green. */
  readonly problem: string;
}

/** The copy is as before afterwards. */
function verdictsOn(copy: ScratchCopy, name: string, specs: readonly string[]): readonly Verdict[] {
  const stale = copy.apply(fileOfPatch(name));
  if (stale !== undefined) return specs.map((spec) => ({ spec, failing: [], problem: stale }));
  const verdicts = specs.map((spec): Verdict => ({ spec, ...copy.failingTests(spec) }));
  const stuck = copy.revert(fileOfPatch(name));
  if (stuck !== undefined) throw new Error(`${name} cannot be taken back: ${stuck}`);
  return verdicts;
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
