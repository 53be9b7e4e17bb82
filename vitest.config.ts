// SPDX-License-Identifier: Apache-2.0
import { defineConfig } from "vitest/config";

// Tests run from source, without a build: packages resolve through their "@conclave/source" condition.
const conditions = ["@conclave/source"];

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: {
    include: ["{packages,apps,tools,bench,examples}/**/*.spec.ts"],
    exclude: ["**/node_modules/**", "**/dist/**"],
    testTimeout: 30_000,
  },
});
