// SPDX-License-Identifier: Apache-2.0
/**
 * A copy of the workspace outside of it, in which a patch may be applied: the product itself is
 * never touched. Packages come whole, what they were built from too, so that building again is short.
 */

import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, rmSync } from "node:fs";
import { cp, mkdtemp, readdir, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { WORKSPACE } from "./place.ts";

export interface ScratchCopy {
  /** Its process that runs worlds. */
  readonly worker: string;
  /** What went wrong, if anything did. */
  apply(patch: string): string | undefined;
  build(): string | undefined;
  revert(patch: string): string | undefined;
  /** Of one spec, run from source; `problem` says why it could not be, if it could not. */
  failingTests(spec: string): { readonly failing: readonly string[]; readonly problem: string };
  remove(): void;
}

export async function createScratchCopy(): Promise<ScratchCopy> {
  const root = await mkdtemp(join(tmpdir(), "conclave-mutant-"));
  const remove = (): void => {
    process.off("exit", remove);
    rmSync(root, { recursive: true, force: true });
  };
  // Somebody may have enough of it in the midst.
  process.once("exit", remove);
  for (const file of ["package.json", "tsconfig.base.json", "vitest.config.ts"]) {
    await cp(join(WORKSPACE, file), join(root, file));
  }
  for (const name of await readdir(join(WORKSPACE, "packages"))) {
    // Links between packages are relative and so lead to the copies; times tell the compiler what is old.
    await cp(join(WORKSPACE, "packages", name), join(root, "packages", name), {
      recursive: true,
      preserveTimestamps: true,
      verbatimSymlinks: true,
    });
  }
  await symlink(join(WORKSPACE, "node_modules"), join(root, "node_modules"));
  const tsc = join(root, "node_modules", "typescript", "bin", "tsc");
  return {
    worker: join(root, "packages", "testing", "dist", "main-sim-worker.js"),
    apply: (patch) => applyIn(root, ["apply", patch]),
    revert: (patch) => applyIn(root, ["apply", "--reverse", patch]),
    failingTests: (spec) => failingTestsOf(spec, root),
    build: () => problemOf(process.execPath, [tsc, "-b", join(root, "packages", "testing")], root),
    remove,
  };
}

/** Whether a patch would apply to the workspace as it stands; nothing is changed. */
export function problemOfPatch(patch: string): string | undefined {
  return applyIn(WORKSPACE, ["apply", "--check", patch]);
}

/** Not as part of a repository that the folder may happen to lie in. */
function applyIn(root: string, args: readonly string[]): string | undefined {
  return problemOf("git", args, root, { GIT_CEILING_DIRECTORIES: join(root, "..") });
}

/** What vitest's report in JSON says of each test, as far as it concerns us. */
interface SpecReport {
  readonly testResults: readonly {
    readonly message?: string;
    readonly assertionResults: readonly { readonly status: string; readonly title: string }[];
  }[];
}

function failingTestsOf(spec: string, root: string): ReturnType<ScratchCopy["failingTests"]> {
  const report = join(root, "report.json");
  rmSync(report, { force: true });
  const vitest = join(root, "node_modules", "vitest", "vitest.mjs");
  const args = [vitest, "run", "--root", root, "--reporter=json", `--outputFile=${report}`, spec];
  const problem = problemOf(process.execPath, args, root) ?? "";
  // Without a report nothing has been run.
  if (!existsSync(report)) return { failing: [], problem };
  const { testResults } = JSON.parse(readFileSync(report, "utf8")) as SpecReport;
  const tests = testResults.flatMap(({ assertionResults }) => assertionResults);
  return {
    failing: tests.filter(({ status }) => status === "failed").map(({ title }) => title),
    problem: testResults.map(({ message = "" }) => message).join(" "),
  };
}

function problemOf(
  command: string,
  args: readonly string[],
  cwd: string,
  env: Readonly<Record<string, string>> = {},
): string | undefined {
  const { status, stdout, stderr, error } = spawnSync(command, args, {
    cwd,
    encoding: "utf8",
    env: { ...process.env, ...env },
  });
  if (status === 0) return undefined;
  return error?.message ?? `${stdout}${stderr}`.trim();
}
