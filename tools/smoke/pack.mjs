// SPDX-License-Identifier: Apache-2.0
/**
 * `node pack.mjs FOLDER`: packs every package that we publish into FOLDER, as a release would.
 *
 * The packages must have been built. What is private is not packed; nothing is written elsewhere.
 */

import { execFile } from "node:child_process";
import { mkdir, readdir, readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

const target = process.argv[2];
if (target === undefined) throw new Error("usage: pack.mjs FOLDER");
await mkdir(target, { recursive: true });
const folders = await publishedFolders();
// One process packs them all: starting pnpm costs more than packing.
const filters = folders.map((folder) => `--filter=./${folder}`);
const { stdout } = await promisify(execFile)(
  "pnpm",
  [...filters, "-r", "pack", "--pack-destination", target],
  { cwd: ROOT },
);
const tarballs = (await readdir(target)).filter((name) => name.endsWith(".tgz"));
if (tarballs.length !== folders.length) {
  throw new Error(`packed ${tarballs.length} of ${folders.length} packages:\n${stdout}`);
}

/** Folders of the packages that are not private, from the root. */
async function publishedFolders() {
  const found = [];
  for (const parent of ["packages", "apps"]) {
    for (const name of await readdir(join(ROOT, parent))) {
      const manifest = await readFile(join(ROOT, parent, name, "package.json"), "utf8").catch(
        () => undefined,
      );
      if (manifest !== undefined && !JSON.parse(manifest).private) found.push(`${parent}/${name}`);
    }
  }
  return found;
}
