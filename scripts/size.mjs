// SPDX-License-Identifier: Apache-2.0
/**
 * `node scripts/size.mjs`: what the client costs a page, in bytes that travel, and a failure if more
 * than we allow ourselves (docs/decisions/0017-browser-size.md).
 *
 * It builds with Vite, as a user would, a page that does nothing but connect; what is built is the
 * packages' dist, so they have to be built before. It writes nothing to disk.
 */

import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { build } from "vite";
import { ROOT } from "./root.mjs";

const DOOR = "@conclave/client/web";
const LIMIT_BYTES = 45_000;

/** Rollup's convention: no file has such a name, and no other plugin looks for it. */
const PAGE = "\0page.js";

const chunks = await chunksOf(
  `import { connect } from "${DOOR}";
  globalThis.connect = connect;`,
);
for (const { name, bytes } of chunks.length > 1 ? chunks : []) {
  process.stdout.write(`  ${name}: ${bytes.toLocaleString("en")} bytes\n`);
}
const total = chunks.reduce((sum, { bytes }) => sum + bytes, 0);
process.stdout.write(
  `size: ${DOOR} ${total.toLocaleString("en")} bytes gzip of ${LIMIT_BYTES.toLocaleString("en")}\n`,
);
process.exitCode = total > LIMIT_BYTES ? 1 : 0;

/**
 * @param {string} source of the page's only script
 * @returns {Promise<readonly {readonly name: string, readonly bytes: number}[]>}
 */
async function chunksOf(source) {
  const built = await build({
    // A package that depends on the client, as a user's would, and on nothing else of ours.
    root: join(ROOT, "examples", "leader-in-browser"),
    configFile: false,
    logLevel: "error",
    build: { write: false, rolldownOptions: { input: PAGE } },
    plugins: [
      {
        name: "page",
        resolveId: (id) => (id === PAGE ? id : undefined),
        load: (id) => (id === PAGE ? source : undefined),
      },
    ],
  });
  if (Array.isArray(built) || !("output" in built)) throw new Error("one page is one build");
  return built.output.map((file) => ({
    name: file.fileName,
    bytes: gzipSync(file.type === "chunk" ? file.code : file.source, { level: 9 }).length,
  }));
}
