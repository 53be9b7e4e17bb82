// SPDX-License-Identifier: Apache-2.0
/** Reads the repository's files from disk. It may not judge them. */

import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import type { Tree } from "./tree.ts";

/** What git ignores as well, and git itself: a clone without git must give the same tree. */
const SKIPPED = new Set([".git", ".turbo", ".conclave", "coverage", "dist", "node_modules"]);

/** Larger files are test data; no rule of ours reads them. */
const BYTES_MAX = 1_000_000;

/** All files below `root` by path from there; pictures, and what else is no text, as empty ones. */
export function readTree(root: string): Tree {
  const tree = new Map<string, string>();
  collect(root, "", tree);
  return tree;
}

function collect(root: string, folder: string, tree: Map<string, string>): void {
  const entries = readdirSync(join(root, folder), { withFileTypes: true });
  // Directory order differs between file systems; the order of complaints should not.
  entries.sort((a, b) => (a.name < b.name ? -1 : 1));
  for (const entry of entries) {
    const path = folder === "" ? entry.name : `${folder}/${entry.name}`;
    if (entry.isDirectory()) {
      if (!SKIPPED.has(entry.name)) collect(root, path, tree);
    } else if (entry.isFile() && statSync(join(root, path)).size <= BYTES_MAX) {
      const bytes = readFileSync(join(root, path));
      tree.set(path, bytes.includes(0) ? "" : bytes.toString("utf8"));
    }
  }
}
