// SPDX-License-Identifier: Apache-2.0
/** The oldest of a map or a set, found without a search. */
import { expect, test } from "vitest";
import { takeOldest } from "./oldest.ts";

class CountingSet extends Set<number> {
  walks = 0;

  override entries(): SetIterator<[number, number]> {
    this.walks += 1;
    return super.entries();
  }
}

test("the oldest goes first, one that left and came back is young again", () => {
  const terms = new Map([
    ["a", 1],
    ["b", 2],
    ["c", 3],
  ]);
  expect(takeOldest(terms)).toBe(1);
  terms.delete("b");
  terms.set("d", 4).set("b", 5);
  expect([takeOldest(terms), takeOldest(terms), takeOldest(terms)]).toEqual([3, 4, 5]);
  expect(takeOldest(terms)).toBeUndefined();
  terms.set("e", 6);
  expect(takeOldest(terms)).toBe(6);
  expect(terms.size).toBe(0);
});

test("a thousand are taken in one walk: beginning anew would pass over all that are gone", () => {
  const ids = new CountingSet();
  for (let id = 0; id < 100; id++) ids.add(id);
  for (let id = 100; id < 1_100; id++) {
    ids.add(id);
    expect(takeOldest(ids)).toBe(id - 100);
  }
  expect(ids.walks).toBe(1);
});
