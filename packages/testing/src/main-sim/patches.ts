// SPDX-License-Identifier: Apache-2.0
/**
 * The mutants' patches. Each begins with lines of prose, which `git apply` passes over: what the bug is, then
 * `expected: RULE`, then `spec: PATH` for each spec that has to fail on it.
 */

import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { MUTANTS } from "./place.ts";

export interface PatchHead {
  readonly expected: string;
  /** Paths from the root of the workspace. */
  readonly specs: readonly string[];
}

/** In their order. @param only part of a name; undefined: all */
export async function patchNames(only?: string): Promise<readonly string[]> {
  const files = (await readdir(MUTANTS)).filter((file) => file.endsWith(".patch")).sort();
  const names = files.map((file) => file.slice(0, -".patch".length));
  return names.filter((name) => name.includes(only ?? ""));
}

export async function readPatch(name: string): Promise<PatchHead> {
  const text = await readFile(fileOfPatch(name), "utf8");
  const head = text.slice(0, text.indexOf("\ndiff --git "));
  return {
    expected: /^expected: (.+)$/m.exec(head)?.[1] ?? "?",
    specs: [...head.matchAll(/^spec: (.+)$/gm)].map(([, path]) => path!),
  };
}

export function fileOfPatch(name: string): string {
  return join(MUTANTS, `${name}.patch`);
}
