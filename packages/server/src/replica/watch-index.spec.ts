// SPDX-License-Identifier: Apache-2.0
import fc from "fast-check";
import { expect, test } from "vitest";
import { isWatched, WatchIndex, type WatchTarget } from "./watch-index.ts";

const kinds = fc.constantFrom("election" as const, "latch" as const);
const namespaces = fc.constantFrom("default", "other");
const names = fc.string({ unit: fc.constantFrom("a", "b", "é"), maxLength: 4 });
const keys = fc.record({ kind: kinds, namespace: namespaces, name: names });
const targets: fc.Arbitrary<WatchTarget> = fc.oneof(
  fc.record({
    kind: fc.constant("names" as const),
    keys: fc.array(keys, { minLength: 1, maxLength: 4 }),
  }),
  fc.record({
    kind: fc.constant("prefix" as const),
    primitive: kinds,
    namespace: namespaces,
    prefix: names,
  }),
);

test("a change reaches those that asking every watcher would find, each once, also after some have left", () => {
  fc.assert(
    fc.property(
      fc.array(fc.record({ target: targets, leaves: fc.boolean() }), { maxLength: 20 }),
      fc.array(keys, { maxLength: 20 }),
      (watchers, changed) => {
        const index = new WatchIndex<number>();
        for (const [i, { target }] of watchers.entries()) index.add(target, i);
        for (const [i, { target, leaves }] of watchers.entries()) {
          if (leaves) index.remove(target, i);
        }
        for (const key of changed) {
          const told: number[] = [];
          index.forEachOf(key, (watcher) => told.push(watcher));
          const expected = [...watchers.entries()]
            .filter(([, { target, leaves }]) => !leaves && isWatched(target, key))
            .map(([i]) => i);
          expect(told.sort((a, b) => a - b)).toEqual(expected);
        }
      },
    ),
    { numRuns: 500, seed: 11 },
  );
});

test("when all have left nothing is kept", () => {
  const index = new WatchIndex<number>();
  const prefix = {
    kind: "prefix",
    primitive: "election",
    namespace: "default",
    prefix: "a",
  } as const;
  const key = { kind: "election", namespace: "default", name: "e" } as const;
  const target = { kind: "names", keys: [key, key] } as const;
  index.add(prefix, 1);
  index.add(target, 1);
  expect(index.isEmpty).toBe(false);

  index.remove(prefix, 1);
  index.remove(target, 1);

  expect(index.isEmpty).toBe(true);
});
