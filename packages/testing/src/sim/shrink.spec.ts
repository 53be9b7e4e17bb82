// SPDX-License-Identifier: Apache-2.0
/** What is left of a failing list. */

import { expect, test } from "vitest";
import { shrink } from "./shrink.ts";

const never = (): boolean => false;
const upTo = (size: number): number[] => Array.from({ length: size }, (_, i) => i);

test("a failure that needs two faults far apart is shown with exactly these two, in their order", async () => {
  const fails = async (items: readonly number[]): Promise<boolean> =>
    items.includes(3) && items.includes(90);

  const left = await shrink(upTo(100), fails, never);

  expect(left).toEqual([3, 90]);
});

test("a failure that needs no fault is shown with none after one attempt", async () => {
  let attempts = 0;
  const fails = async (): Promise<boolean> => {
    attempts += 1;
    return true;
  };

  const left = await shrink(upTo(100), fails, never);

  expect(left).toEqual([]);
  expect(attempts).toBe(1);
});

test("what cannot be made shorter is given back as it was", async () => {
  const fails = async (items: readonly number[]): Promise<boolean> => items.length === 5;

  const left = await shrink(upTo(5), fails, never);

  expect(left).toEqual([0, 1, 2, 3, 4]);
});

test("once the budget is spent the best list so far is given back, and it fails", async () => {
  let attempts = 0;
  const fails = async (items: readonly number[]): Promise<boolean> => {
    attempts += 1;
    return items.includes(70);
  };

  const left = await shrink(upTo(100), fails, () => attempts >= 4);

  expect(attempts).toBe(4);
  expect(left.length).toBeLessThan(100);
  expect(left).toContain(70);
});
