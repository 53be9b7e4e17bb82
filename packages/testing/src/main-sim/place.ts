// SPDX-License-Identifier: Apache-2.0
/** Where the command line finds and puts things, and of which commit it speaks. */

import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

const PACKAGE = new URL("../../", import.meta.url);

export const WORKSPACE: string = fileURLToPath(new URL("../../", PACKAGE));
export const SEEDS: string = fileURLToPath(new URL("seeds/", PACKAGE));
export const MUTANTS: string = fileURLToPath(new URL("mutants/", PACKAGE));
/** Ignored by git. */
export const FAILURES: string = fileURLToPath(new URL("failures/", PACKAGE));
export const WORKER: string = fileURLToPath(new URL("dist/main-sim-worker.js", PACKAGE));

/** The whole id, with `-dirty` where the tree has changes that are in no commit. */
export function commitId(): string {
  const options = { cwd: WORKSPACE, encoding: "utf8" } as const;
  const { stdout, status } = spawnSync("git", ["rev-parse", "HEAD"], options);
  if (status !== 0) return "unknown";
  const changes = spawnSync("git", ["status", "--porcelain", "--untracked-files=no"], options);
  return `${stdout.trim()}${changes.stdout.trim() === "" ? "" : "-dirty"}`;
}
