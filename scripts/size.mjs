// SPDX-License-Identifier: Apache-2.0
/**
 * `node scripts/size.mjs`: what the client costs a page, in bytes that travel, and a failure if more
 * than we allow ourselves (docs/decisions/0017-browser-size.md).
 *
 * It builds with Vite, as a user would, a page that does nothing but connect; what is built is the
 * packages' dist, so they have to be built before. It writes nothing to disk. A build from which the
 * client is missing would be small: so what was built is run, and has to ask a node for its stream.
 */

import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { build } from "vite";
import { ROOT } from "./root.mjs";

const DOOR = "@conclave/client/web";
const LIMIT_BYTES = 45_000;

/** Rollup's convention: no file has such a name, and no other plugin looks for it. */
const PAGE = "\0page.js";

const ENDPOINT = "http://node.invalid";
const STREAM = "/conclave.v1.SessionService/Listen";

const code = await built(
  `import { connect } from "${DOOR}";
  globalThis.connect = connect;`,
);
await expectToConnect(code);
const bytes = gzipSync(code, { level: 9 }).length;
process.stdout.write(
  `size: ${DOOR} ${bytes.toLocaleString("en")} bytes gzip of ${LIMIT_BYTES.toLocaleString("en")}\n`,
);
process.exitCode = bytes > LIMIT_BYTES ? 1 : 0;

/**
 * @param {string} source of the page's only script
 * @returns {Promise<string>} all that the page loads
 */
async function built(source) {
  const result = await build({
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
  if (Array.isArray(result) || !("output" in result)) throw new Error("one page is one build");
  const [file, ...others] = result.output;
  if (others.length > 0) throw new Error("one page is one file: count them all, and run them");
  return file.code;
}

/**
 * @param {string} code
 * @throws when it is no client, or lacks a part of it.
 */
async function expectToConnect(code) {
  /** @type {string[]} */
  const asked = [];
  globalThis.fetch = async (url) => {
    asked.push(String(url));
    throw new TypeError("there is no network here");
  };
  await import(`data:text/javascript,${encodeURIComponent(code)}`);
  const page = /** @type {{ connect?: (options: object) => Promise<never> }} */ (globalThis);
  const options = { endpoints: [ENDPOINT], timeoutMs: 100 };
  const refused = await page.connect?.(options).catch((error) => error);
  if (refused?.code !== "TIMEOUT" || !asked.includes(`${ENDPOINT}${STREAM}`)) {
    throw new Error(`what was built does not connect: it asked for [${asked}]`, { cause: refused });
  }
}
