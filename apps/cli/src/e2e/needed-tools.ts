// SPDX-License-Identifier: Apache-2.0
/** Faults that only a tool of the system can cause, and tests that need one. */

import { existsSync } from "node:fs";
import { test } from "vitest";

export interface Tool {
  /** What a Debian machine installs to have it. */
  readonly debianPackage: string;
  /** Everything of it that is used here. */
  readonly files: readonly string[];
}

/**
 * `test` where the tool is there. Where it is not, the tests are skipped and say why, but not in
 * continuous integration on Linux, which installs it: there they run, and fail by `needTool`.
 */
export function testWith(tool: Tool): ReturnType<typeof test.skipIf> {
  const missing = missingOf(tool);
  const mustRun = process.env["CI"] === "true" && process.platform === "linux";
  const isSkipped = missing !== undefined && !mustRun;
  if (isSkipped) console.log(`skipped: ${tool.debianPackage} is not installed: no ${missing}`);
  return test.skipIf(isSkipped);
}

/** @throws when it is missing: the loader would warn, and start the program without it. */
export function needTool(tool: Tool): void {
  const missing = missingOf(tool);
  if (missing !== undefined) throw new Error(`install ${tool.debianPackage}: no ${missing}`);
}

function missingOf({ files }: Tool): string | undefined {
  return files.find((file) => !existsSync(file));
}
