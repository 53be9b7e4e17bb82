// SPDX-License-Identifier: Apache-2.0
/** Where the console is installed: what its package has built, for nodes to serve as it stands. */

import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** The folder with its page; undefined where it was not built. */
export function findConsole(): string | undefined {
  const manifest = import.meta.resolve("@conclave/console/package.json");
  const page = fileURLToPath(new URL("./dist/index.html", manifest));
  return existsSync(page) ? fileURLToPath(new URL("./dist", manifest)) : undefined;
}
