// SPDX-License-Identifier: Apache-2.0
/**
 * A vitest reporter that counts, for the one line at the end of `npm test`.
 *
 * It writes to the file that CONCLAVE_TEST_COUNT names and prints nothing: vitest may still have
 * something to say after its reporters, and the line has to be the last.
 */

import { writeFileSync } from "node:fs";

export default class TestCount {
  /**
   * @param {ReadonlyArray<import("vitest/node").TestModule>} modules
   * @param {ReadonlyArray<unknown>} unhandledErrors
   */
  onTestRunEnd(modules, unhandledErrors) {
    const count = { passed: 0, failed: unhandledErrors.length, skipped: 0 };
    for (const module of modules) {
      // A file that does not load has no tests that could fail; it must be counted all the same.
      count.failed += module.errors().length;
      for (const suite of module.children.allSuites()) count.failed += suite.errors().length;
      for (const test of module.children.allTests()) {
        const { state } = test.result();
        if (state === "passed") count.passed += 1;
        else if (state === "skipped") count.skipped += 1;
        else count.failed += 1;
      }
    }
    const file = process.env["CONCLAVE_TEST_COUNT"];
    if (file !== undefined) writeFileSync(file, JSON.stringify(count));
  }
}
