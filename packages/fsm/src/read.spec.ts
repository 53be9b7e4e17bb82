// SPDX-License-Identifier: Apache-2.0
/** Listing keys in pages, and sorted texts against a plain sorted array. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { listKeys, sessionOf, viewOf } from "./read.ts";
import { addText, createSortedTexts, removeText, textsFrom } from "./sorted-texts.ts";
import { createDriver, type Driver, enter, KEY, key, open, remove } from "./spec/driver.ts";
import { randomRuns } from "./spec/random-runs.ts";

function withNames(names: readonly string[]): Driver {
  const driver = createDriver();
  driver.run(open(1n), ...names.map((name) => enter("a", 1n, { key: key(name) })));
  return driver;
}

function list(driver: Driver, prefix: string, limit: number, after?: string): string[] {
  const query = { kind: "election" as const, namespace: "default", prefix, limit };
  const keys = listKeys(driver.state, after === undefined ? query : { ...query, after });
  return keys.map(({ name }) => name);
}

test("pages follow each other in the order of the names, without overlap or hole", () => {
  const names = Array.from({ length: 25 }, (_, i) => `n${(i * 7) % 25}`);
  const driver = withNames(names);
  const seen: string[] = [];
  for (let page = list(driver, "", 4); page.length > 0; page = list(driver, "", 4, seen.at(-1))) {
    seen.push(...page);
  }
  expect(seen).toEqual(names.toSorted());
});

test("a prefix keeps to itself, and so do kind and namespace", () => {
  const driver = withNames(["job", "job/1", "job/2", "joc", "jo"]);
  driver.run(enter("a", 1n, { key: key("job/3", "latch") }));
  driver.run(enter("a", 1n, { key: { ...KEY, namespace: "other", name: "job/4" } }));

  expect(list(driver, "job/", 9)).toEqual(["job/1", "job/2"]);
  expect(list(driver, "job", 9)).toEqual(["job", "job/1", "job/2"]);
  expect(list(driver, "x", 9)).toEqual([]);
});

test("a page goes on after a name that has been deleted, or stands outside the prefix", () => {
  const driver = withNames(["a", "b", "c"]);
  driver.run(remove(key("b")));
  expect(list(driver, "", 9, "b")).toEqual(["c"]);
  expect(list(driver, "c", 9, "a")).toEqual(["c"]);
  expect(list(driver, "a", 9, "z")).toEqual([]);
  expect(list(driver, "", 0)).toEqual([]);
});

test("a view stays as it was when the election goes on", () => {
  const driver = withNames(["e"]);
  const before = viewOf(driver.state, KEY);
  driver.run(enter("b", 1n));
  expect(before).toMatchObject({ revision: 1n, queue: [], asOfRevision: 1n });
});

test("a session shows its candidacies and where it leads", () => {
  const driver = withNames(["e"]);
  driver.run(open(2n), enter("b", 2n));
  expect(sessionOf(driver.state, 2n)).toMatchObject({
    ttlMs: 10_000,
    candidacies: [{ key: KEY, candidate: "b", leading: false, term: 1n, revision: 2n }],
  });
  expect(sessionOf(driver.state, 3n)).toBeUndefined();
});

test("sorted texts hold what a sorted array holds, in its order, through splits and removals", () => {
  const operations = fc.array(fc.tuple(fc.boolean(), fc.integer({ min: 0, max: 1_500 })), {
    minLength: 2_000,
    maxLength: 3_000,
  });
  fc.assert(
    fc.property(operations, fc.integer({ min: 0, max: 1_500 }), (steps, start) => {
      const set = createSortedTexts();
      const plain = new Set<string>();
      for (const [isAdded, n] of steps) {
        const text = `t${n}`;
        if (isAdded && !plain.has(text)) addText(set, text);
        if (!isAdded && plain.has(text)) removeText(set, text);
        if (isAdded) plain.add(text);
        else plain.delete(text);
      }
      const expected = [...plain].sort();
      expect([...textsFrom(set, "")]).toEqual(expected);
      const from = `t${start}`;
      expect([...textsFrom(set, from)]).toEqual(expected.filter((text) => text >= from));
    }),
    randomRuns(20),
  );
});

test("a text that is added twice, or removed without being there, is our own bug", () => {
  const set = createSortedTexts();
  addText(set, "a");
  expect(() => addText(set, "a")).toThrow("E15");
  expect(() => removeText(set, "b")).toThrow("E15");
});
