// SPDX-License-Identifier: Apache-2.0
/**
 * Whether the generated code that is checked in is what the generator makes of the protos today.
 *
 * It generates into a scratch folder and compares; it never touches the code that is checked in.
 */

import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { runCaptured } from "./child.mjs";
import { ROOT } from "./root.mjs";

const GENERATED = join("packages", "api", "src", "gen");

/**
 * @param {string} folder scratch space that does not exist yet
 * @param {NodeJS.ProcessEnv} env
 * @returns {Promise<{readonly code: number, readonly output: string}>} the files that differ, if any
 */
export async function generatedCodeDiffers(folder, env) {
  const generated = await runCaptured("buf", ["generate", "-o", folder], env);
  if (generated.code !== 0) return generated;
  const fresh = await filesIn(join(folder, GENERATED));
  const kept = await filesIn(join(ROOT, GENERATED));
  if (fresh.size === 0) return { code: 1, output: `nothing was generated in ${GENERATED}` };
  const names = [...new Set([...fresh.keys(), ...kept.keys()])].sort();
  const differing = names.filter((name) => fresh.get(name) !== kept.get(name));
  if (differing.length === 0) return { code: 0, output: "" };
  return { code: 1, output: `run npm run generate; these differ:\n${differing.join("\n")}` };
}

/**
 * @param {string} folder
 * @returns {Promise<ReadonlyMap<string, string>>} contents by path within the folder
 */
async function filesIn(folder) {
  const files = new Map();
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  for (const entry of entries) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    files.set(path.slice(folder.length + 1), await readFile(path, "utf8"));
  }
  return files;
}
