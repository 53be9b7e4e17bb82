// SPDX-License-Identifier: Apache-2.0
/** Failures as files. */

import { expect, test } from "vitest";
import { drawPlan } from "../run/draw-plan.ts";
import { decodeReplayFile, encodeReplayFile, seedOf } from "./replay-file.ts";

const SEED = 18_446_744_073_709_551_615n;
const FAILURE = {
  seed: SEED,
  plan: drawPlan(SEED),
  rule: "O1",
  message: "two leaders of orders in term 4",
  found: "9b61051",
  fixed: undefined,
  note: undefined,
};

test("a failure reads back as it was written, of the largest seed too", () => {
  expect(decodeReplayFile(encodeReplayFile(FAILURE))).toEqual(FAILURE);
});

test("a file with a seed alone leaves the plan to the seed", () => {
  expect(decodeReplayFile('{"seed":"7"}')).toMatchObject({ seed: 7n, plan: undefined });
});

test("a file without a seed, or with a number of 65 bits, is refused", () => {
  expect(() => decodeReplayFile('{"rule":"O1"}')).toThrow("seed is no whole number");
  expect(() => decodeReplayFile('{"seed":"18446744073709551616"}')).toThrow("64 bits");
});

test("a plan without faults is refused", () => {
  expect(() => decodeReplayFile('{"seed":"1","plan":{"seed":"1"}}')).toThrow("no list of faults");
});

test("a seed is written in decimal digits only", () => {
  const seeds = ["0", "42", "-1", "1e3", "0x10", ""].map(seedOf);

  expect(seeds).toEqual([0n, 42n, undefined, undefined, undefined, undefined]);
});
