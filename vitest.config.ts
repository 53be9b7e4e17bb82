// SPDX-License-Identifier: Apache-2.0
/** How the tests of all packages run: one vitest at the root, no build before it. */

import { defineConfig, type ViteUserConfig } from "vitest/config";

// Tests run from source, without a build: packages resolve through their "@conclave/source" condition.
const conditions = ["@conclave/source"];

const config: ViteUserConfig = defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: {
    include: ["{packages,apps,tools,bench,examples}/**/*.spec.ts", "scripts/*.spec.mjs"],
    exclude: ["**/node_modules/**", "**/dist/**"],
    // Both only guard against hanging: a wait is for a condition, and no test judges a duration.
    testTimeout: 60_000,
    expect: { poll: { timeout: 30_000, interval: 20 } },
    // Our modules keep no state of their own, and loading them anew for each of some 300 files takes
    // longer than most of their tests.
    isolate: false,
    // Vitest would leave one core idle; tests of real processes wait more than they work.
    maxWorkers: 2,
  },
});

export default config;
