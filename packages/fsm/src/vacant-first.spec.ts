// SPDX-License-Identifier: Apache-2.0
import { expect, test } from "vitest";
import { createDriver, type Driver, enter, key, open, withdraw } from "./spec/driver.ts";
import { vacantFirst } from "./vacant-first.ts";

/** Led: a, b, c, d. Vacant, the first for longest: y, c2, x. */
function someVacant(): Driver {
  const driver = createDriver();
  driver.run(open(1n));
  const names = ["d", "y", "b", "x", "a", "c", "c2"];
  driver.run(...names.map((name) => enter("a", 1n, { key: key(name) })));
  for (const name of ["y", "c2", "x"]) driver.run(withdraw("a", 1n, key(name)));
  driver.run(enter("a", 1n, { key: key("a", "latch") }));
  return driver;
}

const names = ({ state }: Driver, limit: number): string[] =>
  vacantFirst(state, "election", limit).map(({ name }) => name);

test("those without a leader come first, then the others by name, each once", () => {
  expect(names(someVacant(), 100)).toEqual(["y", "c2", "x", "a", "b", "c", "d"]);
});

test.each([0, 1, 3, 4, 7])("no more than %i are given", (limit) => {
  const driver = someVacant();
  expect(names(driver, limit)).toEqual(names(driver, 100).slice(0, limit));
});

test("a kind keeps to itself", () => {
  const driver = someVacant();
  expect(vacantFirst(driver.state, "latch", 9)).toEqual([key("a", "latch")]);
});
