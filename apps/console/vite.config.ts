// SPDX-License-Identifier: Apache-2.0
/**
 * How the console becomes files for a server to serve. Packages of the workspace are taken from
 * source, so that nothing has to be built before it.
 */

import { defineConfig, type UserConfig } from "vite";

/** Where a console under development asks: the first node of `conclave dev`. */
const NODE = "http://127.0.0.1:7400";

const config: UserConfig = defineConfig({
  resolve: { conditions: ["@conclave/source", "browser", "module", "import", "default"] },
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  build: {
    target: "es2022",
    // The server's policy allows no inline script or data: font; an asset is always a file.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    // What others wrote travels in our bundle, and its licences ask to be told with it.
    license: { fileName: "licenses.txt" },
  },
  server: { proxy: { "^/conclave\\.": { target: NODE, changeOrigin: false } } },
});

export default config;
