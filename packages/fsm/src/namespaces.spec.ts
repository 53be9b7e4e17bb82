// SPDX-License-Identifier: Apache-2.0
/** Namespaces against a plain count of every election. */
import fc from "fast-check";
import { expect, test } from "vitest";
import type { PrimitiveKey } from "./key.ts";
import { namespacesAfter } from "./namespaces.ts";
import { countTexts, createSortedTexts } from "./sorted-texts.ts";
import { createDriver, enter, open } from "./spec/driver.ts";
import { randomRuns } from "./spec/random-runs.ts";

/** Names that begin like each other, and what sorts around the separators. */
const NAMESPACES = ["a", "a ", "a!", "aa", "b", "ä", "\u{1f600}", "~"];

test("namespaces come in order, each once, with what is in them and nothing of the other kind", () => {
  const keys = fc.array(
    fc.record({
      kind: fc.constantFrom("election" as const, "latch" as const),
      namespace: fc.constantFrom(...NAMESPACES),
      name: fc.integer({ min: 0, max: 300 }).map((n) => `n${n}`),
    }),
    { maxLength: 1_200, minLength: 600 },
  );
  fc.assert(
    fc.property(keys, fc.constantFrom(undefined, ...NAMESPACES, "aaa"), (all, after) => {
      const driver = createDriver();
      const unique = new Map(all.map((key) => [JSON.stringify(key), key]));
      driver.run(open(1n), ...[...unique.values()].map((key) => enter("c", 1n, { key })));
      expect([...namespacesAfter(driver.state, "election", after)]).toEqual(
        counted([...unique.values()], after),
      );
    }),
    randomRuns(10),
  );
});

function counted(keys: readonly PrimitiveKey[], after: string | undefined) {
  const counts = new Map<string, number>();
  for (const { kind, namespace } of keys) {
    const isWanted = kind === "election" && (after === undefined || namespace > after);
    if (isWanted) counts.set(namespace, (counts.get(namespace) ?? 0) + 1);
  }
  return [...counts.keys()].sort().map((namespace) => ({
    namespace,
    count: counts.get(namespace),
  }));
}

test("in an empty partition there is none", () => {
  expect([...namespacesAfter(createDriver().state, "election", undefined)]).toEqual([]);
  expect(countTexts(createSortedTexts(), "a", "b")).toBe(0);
});
